import type { ErrorCode } from '@moltbot/contracts';

/** What each error of the table means, how it comes about, and what helps beside its action, in Chinese. */
export const chineseErrors: Readonly<
  Record<ErrorCode, { readonly what: string; readonly why: string; readonly more: string }>
> = {
  invalid_json: {
    what: '请求体不是有效的 JSON',
    why: '请求体提前结束、多了逗号、用了单引号，或含有非 UTF-8 的字节。信息中指出第一处错误的位置。',
    more: '请用库生成 JSON，不要手工拼接文本；在 shell 中注意引号。',
  },
  invalid_request: {
    what: '请求缺少字段或字段有误',
    why: '缺少某个字段，其类型与该 API 不符，或超出范围。未知字段会照样转发，不会被拒绝。',
    more: '错误中的 `param` 是字段路径；API 说明见服务器的 `/docs`。',
  },
  context_length_exceeded: {
    what: '对话超出链中所有模型的上下文',
    why: '对话的 token 数超过链中每个模型的上下文窗口。相同大小不会重发；已知空间更大的模型已经试过。',
    more: '请在 config.yml 中设置模型的 `context_window`，以便故障转移选择空间足够的模型。',
  },
  content_filtered: {
    what: '提供方拒绝了内容',
    why: '提供方自己的规则拒绝了提示或回答。这不是模型故障：除非 `policy_chain` 另有规定，不会询问其他模型。',
    more: '提供方给出的理由在信息中。',
  },
  model_ambiguous: {
    what: '有多个提供方提供同名模型',
    why: '请求只写了模型名而没有写提供方，而多个已配置的提供方都有该模型。',
    more: '信息中列出了候选。',
  },
  authentication_required: {
    what: '没有发送 API 密钥',
    why: '服务器监听的地址可被他人访问，或 `server.access` 为 `api_key`，而调用没有带密钥。',
    more: 'SDK 中为 `api_key`；命令行使用 MOLTBOT_API_KEY。',
  },
  invalid_api_key: {
    what: 'API 密钥错误、已吊销或已过期',
    why: '密钥输入有误或被截断、已吊销、已过期，或属于另一套安装。具体原因不告诉调用方，只写入服务器的审计日志。',
    more: '密钥只保存散列值：丢失后无法再次显示。',
  },
  invalid_token: {
    what: '登录令牌错误、已过期或属于其他服务器',
    why: 'JWT 的签名、签发者、受众或时间与 `server.oidc` 不符，或此人没有已配置的角色。时钟偏差会使新令牌看似过期。',
    more: '检查 `oidc.issuer` 和 `clock.offset` 会测量签发者和时钟。',
  },
  budget_exhausted: {
    what: '密钥的预算已用完',
    why: '该密钥今天或本月的花费，加上进行中请求预留的金额，已达到预算。金额在调用前预留，调用后结算。',
    more: '`retry-after` 给出下一天或下个月开始的时间（UTC）。',
  },
  permission_denied: {
    what: '调用方无权这样做',
    why: '密钥或此人没有该路由的权限（`chat`、`jobs`、`admin`），或不得使用所指定的模型。',
    more: '`GET /v1/models` 列出密钥可用的模型。',
  },
  forbidden_origin: {
    what: '其他来源的网页调用了未设认证的服务器',
    why: '服务器对本机开放时，浏览器中的任何网页都可能调用它，因此拒绝浏览器为外来网页发出的调用。',
    more: '非浏览器程序不受影响。',
  },
  model_not_found: {
    what: '没有这样的模型或链',
    why: '没有该名称的链，没有已配置的提供方提供该模型，或提供方已停用它。',
    more: '请写成 `provider:model`；信息中给出最接近的名称。',
  },
  not_found: {
    what: '没有这样的资源',
    why: '该路径不是本服务器的路由，或所指的对象（已）不存在。',
    more: 'OpenAI 与 Anthropic 的 SDK 在基础地址是否以 /v1 结尾上不同。',
  },
  method_not_allowed: {
    what: '该路由不支持此方法',
    why: '路径存在，但不支持该方法。',
    more: '应答的 `allow` 头列出支持的方法。',
  },
  request_timeout: {
    what: '请求没有及时到达',
    why: '调用方发送请求头或请求体过慢：连接中断、客户端停滞，或慢速攻击。',
    more: '若代理边收边转发请求体，则取决于调用方自己的线路。',
  },
  idempotency_conflict: {
    what: '幂等键已用于其他内容',
    why: '同一调用方、同一类型、同一 `Idempotency-Key` 的任务已存在，但内容不同。没有任何任务入队。',
    more: '请用能标识同一请求的内容生成该键，例如订单号，而不是日期。',
  },
  job_state_conflict: {
    what: '任务的状态不允许此操作',
    why: '只有未结束的任务可以取消，只有失败终止或已取消的任务可以重试，只有已完成的任务才有结果。',
    more: '信息中说明了当前状态。可能他人或工作进程更快一步。',
  },
  job_cancelled: {
    what: '任务已取消',
    why: '有人通过 `moltbot jobs cancel` 或 `POST /v1/jobs/{id}/cancel` 请求了取消。',
    more: '任务此前完成的部分会保留；其事件说明进行到了哪一步。',
  },
  payload_too_large: {
    what: '请求体超过上限',
    why: '请求体超过 `server.body_limit`；常见原因是 base64 图片。',
    more: '请发送更小的图片或其地址。',
  },
  unsupported_media_type: {
    what: '请求体不是 JSON',
    why: '`content-type` 缺失或为其他类型，例如表单或纯文本。',
    more: '在 curl 中：-H "content-type: application/json"。',
  },
  rate_limited: {
    what: '链中所有模型都被限流',
    why: '链中每个模型及其每个凭据都返回了 429，在提供方指定的时间之前不再调用。',
    more: '为提供方增加凭据，或在其他提供方设置备用模型，可以分担负载。',
  },
  key_rate_limited: {
    what: '密钥达到了自身的限额',
    why: '调用方自己的 API 密钥设有限额（请求数、token 数或并行数），本次请求会超出。与模型无关。',
    more: '每个应答的 `x-ratelimit-…` 头给出剩余量。',
  },
  headers_too_large: {
    what: '请求头超过上限',
    why: '所有请求头合计超过 `server.header_limit`；常见原因是过大的 cookie。',
    more: '除密钥外不需要其他请求头。',
  },
  client_closed: {
    what: '调用方在回答完成前离开',
    why: '调用方在回答完成前断开。上游调用在一秒内取消；已产生的内容可能计费。',
    more: '它只出现在日志和账本中。',
  },
  internal_error: {
    what: 'MoltBot 自身的缺陷',
    why: '本程序的缺陷：发生了没有预料的情况。',
    more: '详情在日志中，以应答的请求 id 查找；应答本身不含详情。',
  },
  upstream_error: {
    what: '模型服务出错',
    why: '提供方返回 500、502 或不成为回答的内容（网页、空内容、残缺 JSON），所有允许的重试和备用模型也是如此。',
    more: '错误中的 `attempts` 列出每次调用及结果。',
  },
  upstream_unreachable: {
    what: '无法到达模型服务',
    why: '无法与提供方建立连接：名称未知、防火墙或代理阻挡，或证书不受信任。',
    more: '诊断中的 `provider.reachable`、`provider.proxy` 和 `provider.tls` 会测量路径的每一段。',
  },
  stream_interrupted: {
    what: '回答中断且没有模型能继续',
    why: '模型在回答中途中断，由下一个模型续写或重新回答都没有成功。已发送的内容会标为不完整，绝不标为完成。',
    more: '支持 prefill 的备用模型更容易续写。',
  },
  credential_missing: {
    what: '提供方没有可用的凭据',
    why: 'auth.json 中没有该提供方的条目，或条目引用的内容（`env:`、`file:`、`exec:`）不存在。',
    more: '诊断中的 `provider.credential` 会指明是哪一种。',
  },
  credential_rejected: {
    what: '提供方拒绝了凭据',
    why: '提供方返回 401 或 403：密钥输入有误、已吊销或属于其他项目；或 OAuth 令牌刷新后仍被拒绝。',
    more: '该凭据停用五分钟，逐次加倍至五小时；在 auth.json 中更换、重新登录或重置后立即恢复使用。',
  },
  credential_expired: {
    what: '在提供方处的登录已结束',
    why: '刷新令牌不再被接受：闲置过期、被撤销，或因应答丢失而被使用了两次。',
    more: '诊断中的 `credential.refresh` 根据存储的记录区分这些情况。',
  },
  credential_refresh_failed: {
    what: '令牌已过期且无法刷新',
    why: '访问令牌已结束，而令牌服务器无法到达，或应答不符合 OAuth。原因可能是代理、时钟或该主机本身。',
    more: '只要令牌仍有效，刷新失败期间调用会继续使用它。',
  },
  token_store_unavailable: {
    what: '令牌存储没有应答',
    why: '保存令牌的目录、数据库或 Redis 没有应答。没有它任何进程都不得刷新，否则两个进程可能使用同一个刷新令牌。',
    more: '已知的令牌在到期前继续有效。',
  },
  issuer_unavailable: {
    what: '组织的登录系统没有应答，无法验证令牌',
    why: '无法取得组织登录系统的公钥，因此不能验证令牌。在此期间令牌既不接受也不拒绝；API 密钥可用。',
    more: '诊断中的 `oidc.issuer` 会按服务器自己的路径询问它。',
  },
  object_store_unavailable: {
    what: '文件存储没有应答，或给出的内容与存入的不同',
    why: '文件夹或存储桶无法到达或已满，或取回的内容与存入时的校验和不符。',
    more: '损坏的内容不会继续传递。',
  },
  secret_key_unavailable: {
    what: '打开令牌的密钥缺失或不同',
    why: '令牌以加密形式保存，而密钥不可得：钥匙串被锁、密钥文件没有一并复制，或 MOLTBOT_SECRET_KEY 的值不同。',
    more: '没有该密钥谁也无法打开，包括我们。',
  },
  sign_in_failed: {
    what: '在提供方处的登录没有成功',
    why: '登录被拒绝或放弃、回调没有到达，或登录的账户与 auth.json 要求的不同。',
    more: '诊断中的 `callback.reachable`、`clock.offset` 和 `credential.refresh` 检查常见原因。',
  },
  quota_exhausted: {
    what: '提供方账户的额度已用完',
    why: '提供方称账户没有余额或额度（402、`insufficient_quota`）。该凭据会停用数小时。',
    more: '充值后可用 `auth reset NAME` 立即恢复。',
  },
  upstream_overloaded: {
    what: '模型服务过载',
    why: '提供方返回 503、504 或 529，所有备用模型也是如此。',
    more: '其他提供方的备用模型有帮助；只靠重试会更糟。',
  },
  storage_unavailable: {
    what: '数据库没有应答',
    why: '数据库拒绝连接、停滞、拒绝密码，或磁盘已满。对话不受影响；密钥和用量记录会等待。',
    more: '诊断中的 `storage.reachable` 给出其应答。',
  },
  fine_tuning_unsupported: {
    what: '该服务商不能为我们训练模型',
    why: '模型通过 OpenAI 的文件与微调接口训练。所指的服务商属于没有该接口的类型，或是不识别其地址的兼容服务器。',
    more: 'docs/fine-tuning.md 说明在哪里可用。',
  },
  job_too_large: {
    what: '任务需要的内存超过允许值',
    why: '其线程用尽了 `worker.thread_memory` 允许的堆内存，因而被单独终止：其他任务继续执行。',
    more: '它不会自动重试。调整之后：`moltbot jobs retry ID`。',
  },
  log_input_invalid: {
    what: '日志无法分析',
    why: '`log-analysis` 任务的某个输入不是可读取的日志：消息会指明是哪一个、问题何在。工作进程不受影响，继续运行。',
    more: '大小由 `log_analysis.max_size` 与 `log_analysis.max_unpacked_size` 限制。中间损坏的文件不算错误：报告会说明读到了哪里。',
  },
  storage_too_new: {
    what: '数据库已被更新版本修改',
    why: '更新版本的 MoltBot 修改了数据表，本版本不认识。为避免破坏数据，它不会写入。',
    more: '可为旧版本恢复较早的数据库副本。',
  },
  queue_unavailable: {
    what: '任务队列没有应答',
    why: '任务队列的 Redis 或数据库没有应答。对话不需要它；任务会等待或被拒绝。',
    more: '诊断中的 `queue.reachable` 给出其应答。',
  },
  model_loading: {
    what: '模型正在加载',
    why: '请求本地模型时，它仍在读入内存。',
    more: '首个请求会在 `model_load_timeout` 之内等待；`moltbot start --warmup` 可提前加载。',
  },
  model_load_failed: {
    what: '模型加载失败',
    why: '引擎无法使用该文件：模型类型未知，或内存不足。',
    more: '日志中有引擎给出的信息。',
  },
  model_load_timeout: {
    what: '模型加载超时',
    why: '加载模型的时间超过了 `model_load_timeout`：磁盘慢、文件大或机器繁忙。',
    more: '此间由链中的下一个模型回答。',
  },
  model_file_missing: {
    what: '模型文件不存在',
    why: '本地模型的路径或对象指向不存在的内容，或是一个文件夹。',
    more: '非绝对路径从 MoltBot 的主目录算起。',
  },
  model_file_invalid: {
    what: '模型文件无效',
    why: '下载中断、格式不同，或与校验和不符。',
    more: '加载之前会先检查，坏文件不会拖垮引擎。',
  },
  model_file_too_large: {
    what: '模型超出了允许的大小',
    why: '文件或其内存需求超过了 `local_models` 的限制。',
    more: '这些限制防止一个模型占用整台机器。',
  },
  local_memory_full: {
    what: '本地模型的内存已满',
    why: '其他本地模型正在回答，暂时无法为它腾出空间。',
    more: '空闲的模型会自动卸载。',
  },
  local_engine_missing: {
    what: '未安装本地模型引擎',
    why: '`node-llama-cpp` 是可选软件包，未安装或不支持此平台。',
    more: '没有它，其他功能照常工作。',
  },
  shutting_down: {
    what: '服务器正在停止',
    why: '服务器收到停止指令：完成进行中的请求，不再接受新的。',
    more: 'SDK 会自动重试。',
  },
  overloaded: {
    what: '同时进行的请求已达上限',
    why: '正在回答的请求数已达 `server.max_in_flight`。',
    more: '慢的模型会占满名额：请先看首个 token 的时间。',
  },
  upstream_timeout: {
    what: '模型服务没有及时回答',
    why: '链中没有模型在 `timeouts` 的时限内给出响应头或首个内容。',
    more: '需要先加载的模型要更久：见 `--warmup` 和 `model_load_timeout`。',
  },
  deadline_exceeded: {
    what: '链中没有模型在截止时间前回答',
    why: '所有尝试合计超过 `timeouts.total`。',
    more: '截止时间约束整条链，不会按模型数倍增。',
  },
  config_invalid: {
    what: '配置有错误',
    why: 'config.yml、auth.json、MOLTBOT_… 变量或命令行选项有错误。运行中的服务器沿用上一份正确的配置，并写入日志。',
    more: '信息的每一行给出文件、行号、键和期望的内容。',
  },
  unsafe_bind: {
    what: '地址对他人开放却没有认证',
    why: '`server.host` 是其他机器可以访问的地址，而那里不会要求密钥。',
    more: '即使前面的代理会要求密钥，也应在其后绑定到 127.0.0.1。',
  },
  port_in_use: {
    what: '端口被其他进程占用',
    why: '另一个进程在监听该端口：之前的启动、另一个 MoltBot，或其他程序。',
    more: '诊断中的 `ports.chat` 和 `ports.metrics` 会在系统允许时指出它。',
  },
};
