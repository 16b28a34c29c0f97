/** `/models/NAME` of a request's path. A name can't leave its segment; `models/NAME` and `tunedModels/NAME` are taken too. */
export function modelPath(model: string): string {
  const slash = model.indexOf('/');
  const collection = slash === -1 ? '' : model.slice(0, slash);
  if (collection === 'models' || collection === 'tunedModels') {
    return `/${collection}/${encodeSegment(model.slice(slash + 1))}`;
  }
  return `/models/${encodeSegment(model)}`;
}

/** A lone surrogate has no encoding: it becomes U+FFFD, and the provider knows no such model. */
function encodeSegment(name: string): string {
  return encodeURIComponent(name.toWellFormed());
}
