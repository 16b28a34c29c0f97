import type { FindingTexts } from './texts.js';

/** What each finding says, in Chinese. */
export const chineseFindings: FindingTexts = {
  'node-too-old': ({ found, needed }) => ({
    message: `当前为 Node ${found}；MoltBot 需要 ${needed} 或更高版本。`,
    action: '请安装较新的 Node，或用随附脚本启动 MoltBot，它会自带 Node。',
  }),
  'home-not-writable': ({ path, code }) => ({
    message: `主目录 ${path} 无法写入（${code}）。`,
    action: '请让当前用户拥有该目录，或用 MOLTBOT_HOME 指定其他目录。',
  }),
  'auth-file-mode': ({ path, mode }) => ({
    message: `${path} 的权限位是 ${mode}：本机其他用户可以读取其中的密钥。`,
    action: '请只保留所有者的权限。',
  }),
  'secret-key-mode': ({ path, mode }) => ({
    message: `${path} 的权限位是 ${mode}：本机其他用户可以接触到令牌。`,
    action: '请只保留所有者的权限。',
  }),
  'config-mistake': ({ place, detail }) => ({
    message: `配置有错误，${place}：${detail}`,
    action: '请修正所指的那一行；之后才会进行依赖配置的检查。',
  }),
  'config-remark': ({ remark }) => ({ message: `配置提示：${remark}`, action: '请更正或删除它。' }),
  'disk-full': ({ path, free }) => ({
    message: `${path} 所在磁盘已满（可用 ${free}）：数据库无法写入。`,
    action: '请腾出空间，或用 MOLTBOT_HOME 移动主目录。',
  }),
  'disk-low': ({ path, free }) => ({
    message: `${path} 所在磁盘即将用满（可用 ${free}）。`,
    action: '请在数据库无法写入之前腾出空间。',
  }),
  'port-taken': ({ port, setting, by }) => ({
    message: `端口 ${port}（\`${setting}\`）已被占用：${by}。`,
    action: '请停止占用者，或改用其他端口。',
  }),
  'port-forbidden': ({ port, host, code, setting }) => ({
    message: `当前用户无法在 ${host} 的端口 ${port} 上监听（${code}）。`,
    action:
      code === 'EACCES'
        ? `请为 \`${setting}\` 选择大于 1023 的端口。`
        : '本机没有该地址：请更正 `server.host` 或 `server.metrics_host`。',
  }),

  'server-silent': ({ url, pid }) => ({
    message: `MoltBot 正在运行（进程 ${pid}），但 ${url} 没有应答。`,
    action: '请查看其日志；若仍无应答，停止该进程并重新启动。',
  }),
  'server-not-ready': ({ url, checks }) => ({
    message: `${url} 的服务器未就绪：${checks}。`,
    action: '请解决所列问题；服务器会自行察觉。',
  }),
  'server-other-version': ({ running, installed }) => ({
    message: `正在运行的是版本 ${running}，已安装的是版本 ${installed}。`,
    action: '重新启动服务器以运行已安装的版本。',
  }),
  'storage-unreachable': ({ where, reason }) => ({
    message: `数据库 ${where} 没有应答：${reason}`,
    action: '请启动它，或更正 `storage.url`。',
  }),
  'storage-too-new': ({ migrations }) => ({
    message: `数据库已被更新版本的 MoltBot 修改（${migrations}）。`,
    action: '请运行那个版本，或把 `storage.url` 设为其他数据库。',
  }),
  'queue-unreachable': ({ where, reason }) => ({
    message: `任务队列 ${where} 没有应答：${reason}`,
    action: '请启动它，或更正 `queue.url`。',
  }),
  'state-unreachable': ({ where, reason }) => ({
    message: `共享状态 ${where} 没有应答：${reason}`,
    action: '请启动它，或更正 `state.url`。',
  }),
  'token-store-unreachable': ({ where, reason }) => ({
    message: `令牌存储（${where}）无法读取：${reason}`,
    action: '请启动它，或更正 `credentials.store`。',
  }),
  'secret-key-missing': ({ reason }) => ({
    message: `无法取得用于打开令牌的密钥：${reason}`,
    action: '请恢复当初加密所用的密钥；若已丢失，请重新登录。',
  }),

  'proxy-setting': ({ reason }) => ({
    message: `系统代理设置无法读取：${reason}。`,
    action: '请更正所指的变量，例如 http://proxy.example.com:3128。',
  }),
  'proxy-unreachable': ({ proxy, host, code }) => ({
    message: `通往 ${host} 的代理 ${proxy} 本身无法到达（${code}）。`,
    action: '请更正代理地址，或不使用代理。',
  }),
  'proxy-login': ({ proxy, host }) => ({
    message: `代理 ${proxy} 要求先登录才放行到 ${host}（407）。`,
    action: '请在代理地址中写入用户名和密码（http://USER:PASSWORD@PROXY:PORT），或更正其中已有的。',
  }),
  'proxy-refuses': ({ proxy, host, status }) => ({
    message:
      status >= 500
        ? `代理 ${proxy} 自己也无法到达 ${host}（HTTP ${status}）。`
        : `代理 ${proxy} 拒绝到 ${host} 的连接（HTTP ${status}）。`,
    action: `请在代理上放行 ${host}，或绕过代理。`,
  }),
  'proxy-silent': ({ proxy, host }) => ({
    message: `向代理 ${proxy} 请求 ${host} 时没有应答。`,
    action: `请在代理上放行 ${host}，或绕过代理。`,
  }),
  'host-unknown': ({ host, code }) => ({
    message: `本机不认识 ${host} 的名称（${code}）。`,
    action: '请检查设置中的地址和本机的域名服务器；在代理之后请设置 HTTPS_PROXY。',
  }),
  'host-refuses': ({ host, code }) => ({
    message: `${host} 不接受连接（${code}）。`,
    action: '请检查地址和端口，并确认服务正在运行；防火墙也可能拒绝。',
  }),
  'host-silent': ({ host, stage }) => ({
    message: `${host} 没有应答（${stage}）。`,
    action: '防火墙可能吞掉了连接：请开放端口 443；有代理时请设置 HTTPS_PROXY。',
  }),
  'host-breaks-off': ({ host, code }) => ({
    message: `到 ${host} 的连接被中断（${code}）。`,
    action: '中间有设备结束了连接：请询问防火墙或代理的管理者。',
  }),
  'ca-file': ({ reason }) => ({
    message: `证书文件不可用：${reason}`,
    action: '请在该处放置含证书颁发机构的 PEM 文件，或更正 `ca_file`。',
  }),
  'tls-intercepted': ({ host, issuer, proxy }) => ({
    message: `${proxy === '' ? '中间的设备' : `代理 ${proxy}`}解开了到 ${host} 的加密：证书由“${issuer}”签发，本机不信任它。`,
    action: `请向其管理者索取“${issuer}”的证书，并为该提供方信任它。`,
  }),
  'tls-unknown-authority': ({ host, issuer, proxy }) => ({
    message: `${host} 的证书${proxy === '' ? '' : `（经代理 ${proxy}）`}由“${issuer}”签发，本机不信任它。`,
    action: '若它是贵方自己（或该代理）的颁发机构，请为该提供方信任其证书。',
  }),
  'tls-expired': ({ host, until }) => ({
    message: `按本机时钟，${host} 的证书已于 ${until} 过期。`,
    action: '请检查本机日期；若日期正确，则该服务须更新其证书。',
  }),
  'tls-not-yet-valid': ({ host, from }) => ({
    message: `按本机时钟，${host} 的证书在 ${from} 之前尚未生效。`,
    action: '请校准本机时钟。',
  }),
  'tls-wrong-host': ({ host, names }) => ({
    message: `以 ${host} 应答的一方，其证书属于 ${names}。`,
    action: '请检查地址；那里应答的是另一台服务器，或替代它的代理。',
  }),
  'tls-broken': ({ host, code }) => ({
    message: `无法与 ${host} 建立加密连接（${code}）。`,
    action: '请检查地址应以 http:// 还是 https:// 开头，以及中间有什么设备。',
  }),
  'oauth-discovery': ({ url, reason }) => ({
    message: `找不到签发令牌的地址${url === '' ? '' : `（${url}）`}：${reason}。`,
    action: '请更正该提供方的 `oauth.issuer`，或在 config.yml 中写明 `oauth.token_endpoint`。',
  }),

  'clock-off': ({ offset, hosts }) => ({
    message: `本机时钟偏差 ${offset}：${hosts} 台服务器一致给出另一个时间。`,
    action: '请校准时钟，并用 NTP 保持准确。',
  }),
  'clock-off-one': ({ offset, host }) => ({
    message: `本机时钟很可能偏差 ${offset}：唯一能询问的服务器 ${host} 的时间不同。`,
    action: '请校准时钟，并用 NTP 保持准确。',
  }),
  'clock-theirs': ({ offset, host, others }) => ({
    message: `${host} 的时钟偏差 ${offset}；另外 ${others} 台与本机一致。`,
    action: '本机时钟是准的：请告知该服务器的管理者。',
  }),
  'clock-unclear': ({ hosts }) => ({
    message: `询问的 ${hosts} 台服务器时间各不相同，也都与本机不同。`,
    action: '请把本机时钟与可信的时钟比较。',
  }),

  'key-missing': ({ provider }, command) => ({
    message: `提供方 \`${provider}\` 需要凭据，但没有配置。`,
    action: `请在 auth.json 中添加，或运行：${command} auth login ${provider}`,
  }),
  'key-unreadable': ({ id, from, reason }) => ({
    message: `无法取得 \`${id}\` 的密钥（${from}）：${reason}`,
    action: '请更正 auth.json 中的引用，或直接写入密钥。',
  }),
  'key-rejected': ({ id, status }) => ({
    message: `提供方拒绝了 \`${id}\` 的密钥（HTTP ${status}）。`,
    action: '请在提供方处生成新的密钥，并在 auth.json 中替换。',
  }),
  'key-forbidden': ({ id, status }) => ({
    message: `提供方认识 \`${id}\`，但不允许它列出模型（HTTP ${status}）。`,
    action: '若调用也失败，请在提供方处授予权限；否则可以不管。',
  }),
  'provider-failing': ({ provider, url, status }) => ({
    message: `提供方 \`${provider}\` 自身出错：${url} 返回 HTTP ${status}。`,
    action: '请等待并查看提供方的状态页；带备用模型的链会继续工作。',
  }),
  'no-models-api': ({ provider, url, what }) => ({
    message: `${url} 不是模型列表（${what}）：\`${provider}\` 的 \`base_url\` 可能有误。`,
    action: '请让 `base_url` 以 API 的版本结尾，例如 https://api.example.com/v1。',
  }),

  'not-signed-in': ({ id }) => ({ message: `\`${id}\` 尚未登录。`, action: '请登录。' }),
  'wrong-account': ({ id, wanted, found }) => ({
    message: `\`${id}\` 以 ${found} 登录；auth.json 要求 ${wanted}。`,
    action: `请以 ${wanted} 登录。`,
  }),
  'refresh-expired': ({ id, idle }) => ({
    message: `\`${id}\` 的刷新令牌闲置 ${idle} 后被拒绝：很可能已过期。`,
    action: '请重新登录。保持服务器运行即可维持其有效。',
  }),
  'refresh-revoked': ({ id, at }) => ({
    message: `\`${id}\` 的登录在使用期间被提供方终止（发现于 ${at}）：它已被撤销。`,
    action: '请重新登录。修改密码、管理员操作或账户自身的设置都会终止登录。',
  }),
  'refresh-reused': ({ id, at }) => ({
    message: `\`${id}\` 的刷新令牌被使用了两次：有一次应答丢失，提供方于 ${at} 因此终止了登录。`,
    action: '请重新登录。丢失应答的网络，或另一个使用相同令牌的程序，会造成这种情况。',
  }),
  'no-refresh-token': ({ id, expires }) => ({
    message: `\`${id}\` 的令牌将于 ${expires} 到期，且没有刷新令牌。`,
    action: '请请求能给出刷新令牌的权限（通常是 `offline_access`），并重新登录。',
  }),
  'token-expired': ({ id, expired }) => ({
    message: `\`${id}\` 的令牌已于 ${expired} 到期，且没有刷新令牌。`,
    action: '请重新登录；请求能给出刷新令牌的权限（通常是 `offline_access`）。',
  }),
  'client-refused': ({ id, code }) => ({
    message: `令牌服务器不接受 \`${id}\` 的 OAuth 客户端（${code}）。`,
    action: '请把 `client_id`、密钥和 `client_auth` 与提供方处的登记比较。',
  }),
  'refresh-failing': ({ id, failure, times }) => ({
    message: `\`${id}\` 刷新失败（${failure}，连续 ${times} 次）。`,
    action: failure.startsWith('bad-answer')
      ? '应答的不是 OAuth 服务器：请核对 config.yml 中该提供方的 `oauth`，并查找代理或访客网络的页面。'
      : '服务器会继续尝试；请先看关于到令牌服务器路径的发现。',
  }),
  'refresh-hangs': ({ id, since }) => ({
    message: `\`${id}\` 的一次刷新始于 ${since}，从未结束：其进程已被终止。`,
    action: '下一个需要该令牌的服务器会接手；请启动一个。',
  }),
  'token-rejected': ({ id, status }) => ({
    message: `提供方拒绝了 \`${id}\` 仍有效的令牌（HTTP ${status}）。`,
    action: '请检查该提供方的 `base_url` 与 `oauth` 是否匹配（`audience`、`resource`），然后重新登录。',
  }),
  'scopes-not-asked': ({ id, missing }) => ({
    message: `\`${id}\` 没有请求调用所需的权限：${missing}。`,
    action: `请把它们加入 auth.json 中 \`${id}\` 的 \`scopes\`，并重新登录。`,
  }),
  'scopes-not-granted': ({ id, missing }) => ({
    message: `提供方没有授予 \`${id}\` 全部权限：缺少 ${missing}。`,
    action: '请在提供方处为该客户端开放这些权限，然后重新登录并同意。',
  }),
  'scopes-refused': ({ id, needed }) => ({
    message: `提供方称 \`${id}\` 的令牌缺少权限：需要 ${needed}。`,
    action: `请把它加入 auth.json 中 \`${id}\` 的 \`scopes\`，并重新登录。`,
  }),
  'callback-port': ({ port, uri, by }) => ({
    message: `登录会返回到 ${uri}，但端口 ${port} 不可用：${by}。`,
    action: '请停止占用者，或在提供方处登记其他 `oauth.redirect_uri`；也可以粘贴地址。',
  }),
  'callback-elsewhere': ({ host, uri }) => ({
    message: `登录会返回到 ${uri}；${host} 不是本机。`,
    action: '请粘贴浏览器最终停留的地址，或登记一个 127.0.0.1 上的 `redirect_uri`。',
  }),
  'callback-proxy': ({ proxy, uri, status }) => ({
    message: `若浏览器访问 ${uri} 也经过代理 ${proxy}，就无法从登录页返回（${status}）。`,
    action: '请让本机不走代理：NO_PROXY=localhost,127.0.0.1，浏览器中也同样设置。',
  }),

  'oidc-unreachable': ({ issuer, reason }) => ({
    message: `无法询问签发者 ${issuer}：${reason}。`,
    action: '请更正 `server.oidc.issuer`，或通往它的路径。',
  }),
  'oidc-other-issuer': ({ issuer, told }) => ({
    message: `为 ${issuer} 应答的一方自称 ${told}。`,
    action: '请把 `server.oidc.issuer` 设为它自称的确切名称。',
  }),
  'oidc-no-keys': ({ url, reason }) => ({
    message: `${url} 没有给出验证调用方令牌的密钥：${reason}。`,
    action: '请更正 `server.oidc.jwks_uri` 或 `server.oidc.algorithms`。',
  }),

  'check-timed-out': ({ seconds }) => ({
    message: `该检查未在 ${seconds} 秒内结束。`,
    action: '它所查看的对象没有反应：请用 `--only` 单独尝试。',
  }),
  'check-failed': ({ reason }) => ({
    message: `检查本身失败：${reason}`,
    action: '这是诊断程序的缺陷：请附上此行报告。',
  }),
};
