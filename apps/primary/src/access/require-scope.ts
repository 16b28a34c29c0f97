import { type Scope } from '@moltbot/contracts';
import { applyDecorators, SetMetadata, UseGuards } from '@nestjs/common';
import { SCOPE, ScopeGuard } from './scope.guard.js';

/** For a controller or one of its routes: only callers with the scope get in, before a byte of a body is read. */
export function RequireScope(scope: Scope) {
  return applyDecorators(SetMetadata(SCOPE, scope), UseGuards(ScopeGuard));
}
