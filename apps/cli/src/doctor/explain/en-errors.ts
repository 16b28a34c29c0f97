import type { ErrorCode } from '@moltbot/contracts';

/** How each error of the table comes about, and what helps beside its action. */
export const englishErrors: Readonly<Record<ErrorCode, { readonly why: string; readonly more: string }>> = {
  invalid_json: {
    why: 'The body of a request ends too early, holds a comma too much, single quotes, or bytes that are no UTF-8. The message names the place of the first mistake.',
    more: 'Let a library write the JSON rather than putting it together from pieces of text; in a shell, mind what happens to quotes.',
  },
  invalid_request: {
    why: 'A field is missing, has another type than the API of this dialect gives it, or is out of its range. Fields that are unknown are passed on, not refused.',
    more: '`param` of the error is the path of the field. The API is described at `/docs` of the server.',
  },
  context_length_exceeded: {
    why: 'The conversation has more tokens than the context window of every model of the chain. It is never sent twice in the same size; models that are known to have more room were tried.',
    more: 'Set `context_window` of your models in config.yml, so that failover can choose one with room.',
  },
  content_filtered: {
    why: 'The provider’s own rules refused the prompt or the answer. That is no failure of the model: no other is asked, unless `policy_chain` says so.',
    more: 'The provider’s reason is in the message.',
  },
  model_ambiguous: {
    why: 'The request names a model without its provider, and several configured providers serve one of that name.',
    more: 'The message lists the candidates.',
  },
  authentication_required: {
    why: 'The server listens on an address that others can reach, or `server.access` is `api_key`, and the call brought no key.',
    more: 'SDKs take it as `api_key`; the command takes MOLTBOT_API_KEY.',
  },
  invalid_api_key: {
    why: 'The key was mistyped or cut, was revoked, has expired, or belongs to another installation. Which of them is not told to the caller; the server’s audit log says it.',
    more: 'Keys are stored as hashes: a lost key can’t be shown again.',
  },
  invalid_token: {
    why: 'A JWT was sent whose signature, issuer, audience or time does not fit `server.oidc`; or its person has none of the configured roles. A clock that is off makes fresh tokens look expired.',
    more: 'The checks `oidc.issuer` and `clock.offset` measure the issuer and the clock.',
  },
  budget_exhausted: {
    why: 'What the key spent today or this month, with what running requests have set aside, reaches its budget. Money is reserved before a call and settled after it.',
    more: '`retry-after` says when the next day or month begins (UTC).',
  },
  permission_denied: {
    why: 'The key or the person has no scope for this route (`chat`, `jobs`, `admin`), or may not use the model that was named.',
    more: '`GET /v1/models` lists what a key may use.',
  },
  forbidden_origin: {
    why: 'While a server is open to this machine, any web page in a browser could call it. Calls that a browser makes for a page of elsewhere are therefore refused.',
    more: 'Programs that are no browser are not concerned.',
  },
  model_not_found: {
    why: 'No chain has that name, no configured provider serves such a model, or the provider has retired it.',
    more: 'Write `provider:model`; the message names the nearest known ones.',
  },
  not_found: {
    why: 'The path is no route of this server, or the thing that it names does not exist (any more).',
    more: 'OpenAI’s and Anthropic’s SDKs differ in whether the base URL ends with /v1.',
  },
  method_not_allowed: {
    why: 'The path exists, but not for this method.',
    more: 'The `allow` header of the answer lists those that are.',
  },
  request_timeout: {
    why: 'The caller sent the head or the body of its request too slowly: a broken connection, a client that hangs, or an attack with slow requests.',
    more: 'Behind a proxy that passes bodies on as they come, the caller’s own line counts.',
  },
  idempotency_conflict: {
    why: 'A job of this `Idempotency-Key`, type and caller exists, and its payload is another. Nothing was queued.',
    more: 'Make the key from what makes the request one and the same: an order’s number, not the day.',
  },
  job_state_conflict: {
    why: 'Only a job that has not ended can be cancelled, only a dead or cancelled one can be retried, and only a completed one has a result.',
    more: 'The message names the state. Somebody else, or the worker, may have been faster.',
  },
  job_cancelled: {
    why: 'Somebody asked for it with `moltbot jobs cancel`, or by `POST /v1/jobs/{id}/cancel`.',
    more: 'What the job had done before stays; its events say how far it had come.',
  },
  payload_too_large: {
    why: 'The body has more bytes than `server.body_limit`; pictures in base64 are the usual reason.',
    more: 'Send smaller pictures, or their addresses.',
  },
  unsupported_media_type: {
    why: 'The `content-type` header is missing or is another one, as with forms and plain text.',
    more: 'In curl: -H "content-type: application/json".',
  },
  rate_limited: {
    why: 'Each model of the chain, with each of its credentials, has answered 429 and is left alone until the moment that the provider named.',
    more: 'More credentials for a provider, or fallbacks at another one, share the load.',
  },
  key_rate_limited: {
    why: 'The caller’s own API key has limits (requests, tokens or parallel requests), and this request would exceed one. The models have nothing to do with it.',
    more: 'The `x-ratelimit-…` headers of every answer say what is left.',
  },
  headers_too_large: {
    why: 'All headers together exceed `server.header_limit`; large cookies are the usual reason.',
    more: 'No header but the key is needed.',
  },
  client_closed: {
    why: 'The caller hung up before its answer was complete. The upstream call was cancelled within a second; what it had produced may be billed.',
    more: 'It appears in logs and in the ledger only.',
  },
  internal_error: {
    why: 'A fault of this program: something happened that no code was written for.',
    more: 'Details are in the log under the request id of the answer, and never in the answer itself.',
  },
  upstream_error: {
    why: 'The provider answered 500, 502 or something that is no answer (a page, an empty body, JSON that breaks off), and every repeat and fallback that was allowed ended likewise.',
    more: '`attempts` of the error lists each call with its outcome.',
  },
  upstream_unreachable: {
    why: 'No connection to the provider came about: its name is not known, a firewall or a proxy is in the way, or a certificate is not trusted.',
    more: '`provider.reachable`, `provider.proxy` and `provider.tls` of the doctor measure each stage of the way.',
  },
  stream_interrupted: {
    why: 'A model broke off in mid-answer, and neither continuing with the next model nor asking anew worked. What was sent is marked as incomplete, never as finished.',
    more: 'Fallbacks whose models take a prefill make a rescue more likely.',
  },
  credential_missing: {
    why: 'auth.json has no entry for the provider, or what an entry refers to (`env:`, `file:`, `exec:`) is not there.',
    more: '`provider.credential` of the doctor says which.',
  },
  credential_rejected: {
    why: 'The provider answered 401 or 403: the key was mistyped, revoked, or belongs to another project; or a token of OAuth was refused even after it was refreshed.',
    more: 'The credential is left out for five minutes, doubling to five hours; it is used again at once when it is replaced in auth.json, signed in to or reset.',
  },
  credential_expired: {
    why: 'The refresh token is no longer taken: it expired unused, was revoked, or was used twice after an answer got lost.',
    more: '`credential.refresh` of the doctor tells these apart by what the store knows.',
  },
  credential_refresh_failed: {
    why: 'The access token has ended and the token host could not be asked, or did not answer as an OAuth server does. A proxy, the clock, or the host itself can be the reason.',
    more: 'As long as a token lives, calls go on with it while refreshes fail.',
  },
  token_store_unavailable: {
    why: 'The folder, the database or the Redis that keeps the tokens does not answer. Without it nobody may refresh: two processes could use one refresh token.',
    more: 'Tokens that are known already serve until they end.',
  },
  issuer_unavailable: {
    why: 'The keys of the organisation’s sign-in could not be fetched, so that no token can be checked. Tokens are neither taken nor refused meanwhile; API keys work.',
    more: '`oidc.issuer` of the doctor asks it by the server’s own way.',
  },
  object_store_unavailable: {
    why: 'The folder or the bucket of files can’t be reached or is full, or what it gave back does not have the checksum with which it was stored.',
    more: 'Nothing that was damaged is handed on.',
  },
  secret_key_unavailable: {
    why: 'Tokens are kept encrypted, and their key is not to be had: the keyring is locked, the key file was not copied along, or MOLTBOT_SECRET_KEY has another value.',
    more: 'Nobody can open them without that key; this includes us.',
  },
  sign_in_failed: {
    why: 'The sign-in was refused or given up, its callback did not come, or another account signed in than auth.json demands.',
    more: '`callback.reachable`, `clock.offset` and `credential.refresh` of the doctor look at the usual reasons.',
  },
  quota_exhausted: {
    why: 'The provider says that the account has no money or quota left (402, `insufficient_quota`). The credential is left alone for hours.',
    more: 'After topping it up, `auth reset NAME` takes it back at once.',
  },
  upstream_overloaded: {
    why: 'The provider answered 503, 504 or 529, and every fallback did too.',
    more: 'Fallbacks at another provider help; repeats alone make it worse.',
  },
  storage_unavailable: {
    why: 'The database refuses connections, hangs, refused the password, or its disk is full. Chat goes on without it; keys and accounts of use wait.',
    more: '`storage.reachable` of the doctor says what it answers.',
  },
  fine_tuning_unsupported: {
    why: 'Models are trained through OpenAI’s files and fine-tuning API. The provider that was named is of a kind that has none, or a compatible server that does not know its addresses.',
    more: 'docs/fine-tuning.md says where it works.',
  },
  job_too_large: {
    why: 'Its thread filled the heap that `worker.thread_memory` allows, and was ended alone: other jobs went on.',
    more: 'It is not tried again by itself. After the change: `moltbot jobs retry ID`.',
  },
  log_input_invalid: {
    why: 'An input of a `log-analysis` job is no log that can be read: the message says which, and what is wrong with it. The worker goes on unharmed.',
    more: 'Sizes are bounded by `log_analysis.max_size` and `log_analysis.max_unpacked_size`. A file that is damaged in the middle is no error: the report says how far it was read.',
  },
  storage_too_new: {
    why: 'A later version of MoltBot has changed the tables, and this one does not know them. It writes nothing, in order not to destroy anything.',
    more: 'An older copy of the database can be restored for the older version.',
  },
  queue_unavailable: {
    why: 'The Redis or the database of the job queue does not answer. Chat does not need it; jobs wait or are refused.',
    more: '`queue.reachable` of the doctor says what it answers.',
  },
  model_loading: {
    why: 'A local model was asked for while it is being read into memory.',
    more: 'The first request waits within `model_load_timeout`; `moltbot start --warmup` loads it before anybody asks.',
  },
  model_load_failed: {
    why: 'The engine could not take the file: a kind of model it does not know, or too little memory.',
    more: 'The log has what the engine said.',
  },
  model_load_timeout: {
    why: 'Reading the model took longer than `model_load_timeout`: a slow disk, a large file, a busy machine.',
    more: 'The next model of the chain answers meanwhile.',
  },
  model_file_missing: {
    why: 'The path or the object of a local model names nothing, or a folder.',
    more: 'Paths that are not absolute begin at the home folder of MoltBot.',
  },
  model_file_invalid: {
    why: 'A download that broke off, another format, or another file than its checksum says.',
    more: 'It is looked at before it is loaded, so that a bad file can not bring the engine down.',
  },
  model_file_too_large: {
    why: 'The file, or what it would take in memory, is over the limits of `local_models`.',
    more: 'The limits keep one model from taking the whole machine.',
  },
  local_memory_full: {
    why: 'Other local models are answering and can not be put away for this one now.',
    more: 'Idle ones are put away by themselves.',
  },
  local_engine_missing: {
    why: '`node-llama-cpp` is an optional package and is not there, or not for this platform.',
    more: 'Everything else works without it.',
  },
  shutting_down: {
    why: 'The server was told to stop. It finishes what runs and takes nothing new.',
    more: 'SDKs try again by themselves.',
  },
  overloaded: {
    why: 'As many requests are being answered as `server.max_in_flight` allows.',
    more: 'Slow models fill the places: look at the time to the first token first.',
  },
  upstream_timeout: {
    why: 'No headers, or no first content, came within the limits under `timeouts`, from any model of the chain.',
    more: 'A model that has to be loaded first needs longer: see `--warmup` and `model_load_timeout`.',
  },
  deadline_exceeded: {
    why: 'All attempts together took longer than `timeouts.total`.',
    more: 'The deadline bounds the whole chain; it is not multiplied by the number of models.',
  },
  config_invalid: {
    why: 'config.yml, auth.json, a MOLTBOT_… variable or a flag has a mistake. A running server keeps the last good configuration, and says so in its log.',
    more: 'Each line of the message names file, line, key, and what was expected.',
  },
  unsafe_bind: {
    why: '`server.host` names an address that other machines reach, and nobody would be asked for a key there.',
    more: 'A proxy in front that asks for keys is no reason to open this: bind to 127.0.0.1 behind it.',
  },
  port_in_use: {
    why: 'Another process listens on the port: an earlier start, another MoltBot, or another program.',
    more: '`ports.chat` and `ports.metrics` of the doctor name it where the system lets us see it.',
  },
};
