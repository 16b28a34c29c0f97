import type { CheckId } from '../check.js';
import type { Explanation } from './explanation.js';

/** What each check looks at, in Chinese. */
export const chineseChecks: Readonly<Record<CheckId, Explanation>> = {
  'node.version': {
    what: '运行本命令的 Node 是否足够新。',
    why: '系统自带旧版本；或 shell 找到的 Node 与启动服务器的不同。',
    remedy: '安装较新的 Node，或用随附脚本启动：机器上的版本过旧时它会自带一个。',
  },
  'files.home': {
    what: '主目录（~/.moltbot 或 MOLTBOT_HOME）是否存在或可以创建，并且可写。',
    why: '第一次用 sudo 启动会使它归 root 所有；容器可能以只读方式挂载。',
    remedy: '让运行 MoltBot 的用户拥有该目录，或用 MOLTBOT_HOME 指定其他目录。',
  },
  'files.auth-mode': {
    what: '本机其他用户能否读取含有密钥的 auth.json。',
    why: '编辑器或复制操作会使文件对所有人可读。',
    remedy: '对该文件执行 `chmod 600`；`--fix` 可以代劳。',
  },
  'files.secret-key-mode': {
    what: '他人能否接触到加密令牌的密钥或令牌所在的目录。',
    why: '复制和备份会丢失权限位。',
    remedy: '密钥 `chmod 600`，目录 `chmod 700`；`--fix` 可以代劳。若他人曾能读取，请重新登录。',
  },
  'config.valid': {
    what: 'config.yml、auth.json、MOLTBOT_… 变量和系统代理变量能否读取。',
    why: '键名拼错、值的类型不对、YAML 缩进有误。',
    remedy: '每个错误都指出文件、行号、键和期望的内容。运行中的服务器在此期间沿用上一份正确的配置。',
  },
  'disk.space': {
    what: '主目录和日志所在磁盘的剩余空间。低于 1 GB 为警告，低于 100 MB 为错误。',
    why: '日志、模型和数据库会增长。',
    remedy: '腾出空间，或用 MOLTBOT_HOME 移动主目录。',
  },
  'ports.chat': {
    what: '服务器能否在 `server.host` 和 `server.port` 上监听。已在运行时无需检查。',
    why: '8080 被许多程序使用；或另一个主目录的 MoltBot 正在运行。',
    remedy: '停止占用者，或换一个端口；`--fix` 会设为下一个空闲端口。',
  },
  'ports.metrics': {
    what: 'primary 和 worker 的指标端口是否空闲。',
    why: '9090 是 Prometheus 自己的常用端口。',
    remedy: '换一个端口；`--fix` 会设为下一个空闲端口。',
  },
  'server.running': {
    what: '为该主目录启动的进程是否有应答，并自称就绪。',
    why: '正在启动、正在停止、没有带凭据的模型，或失去数据库的服务器都不算就绪。',
    remedy: '所列名称是它自己的检查；详情见其日志。',
  },
  'server.version': {
    what: '运行中的是否为已安装的版本。',
    why: '更新只改变文件，不改变进程。',
    remedy: '重新启动服务器。',
  },
  'storage.reachable': {
    what: '`storage.url` 的数据库能否连接并回答查询。内置数据库只查看、不连接：连接会使它保持运行。',
    why: '主机、端口、名称或密码有误；防火墙；数据库已满或没有空闲连接。',
    remedy: '证据中有数据库自己的应答。',
  },
  'storage.version': {
    what: '更新版本的 MoltBot 是否修改过数据表。',
    why: '更新之后又启动了旧版本，或两个版本共用数据库。',
    remedy: '运行较新的版本，或把 `storage.url` 设为其他数据库。',
  },
  'queue.reachable': {
    what: '`queue.url` 的 Redis 或数据库是否有应答。',
    why: '地址或密码有误、Redis 正在加载数据、防火墙。',
    remedy: '请启动它，或更正 `queue.url`。',
  },
  'state.reachable': {
    what: '各进程共享熔断、限额和冷却信息的 Redis 是否有应答。',
    why: '与队列相同：除非另行设置，`state.url` 就是队列的 Redis。',
    remedy: '请启动它，或更正 `state.url`。在此期间各进程各自计数。',
  },
  'credentials.store': {
    what: '能否从 `credentials.store` 读取账户令牌，以及打开它们的密钥是否存在。',
    why: '存储没有应答，或密钥没有一并复制。',
    remedy: '请启动存储；恢复密钥（钥匙串、密钥文件或 MOLTBOT_SECRET_KEY），或重新登录。',
  },
  'provider.reachable': {
    what: '按服务器所走的路径逐段测量能否到达每个提供方的模型主机和令牌主机：名称、连接、加密、应答。',
    why: '名称未知、防火墙、`base_url` 有误、网络中断，或应走代理却没有走。',
    remedy: '证据指出失败的阶段以及各段用时。',
  },
  'provider.proxy': {
    what: '所用代理（提供方自己的 `proxy`，否则 HTTPS_PROXY 和 NO_PROXY）是否放行到两台主机。',
    why: '代理可能只放行部分主机：放行模型主机而不放行令牌主机；或要求登录（407），或不存在。',
    remedy: '放行该主机、在地址中写入登录信息，或为该提供方设置 `proxy: direct`。同时会不经代理测量以便比较。',
  },
  'provider.tls': {
    what: '主机证书是否受信任、在有效期内、名称正确；以及代理是否解开了加密。',
    why: '公司代理和杀毒软件会出示自己颁发机构的证书。识别依据：不相关的主机出自同一签发者、绕过代理时签发者不同，或公共服务出现陌生的签发者。',
    remedy: '向管理者索取该颁发机构的证书，设为提供方的 `ca_file`（或对全部：NODE_EXTRA_CA_CERTS）。',
  },
  'clock.offset': {
    what: '本机时钟与提供方时钟的差：由多次应答的 `Date` 头测得，并扣除往返时间。',
    why: '没有 NTP、虚拟机休眠、Windows 唤醒后的 WSL、电池耗尽。时钟不准时证书和登录会看似过期或尚未生效。',
    remedy: '校准时钟。若只有一台服务器不同而其他与本机一致，则是那台服务器的时钟有误。',
  },
  'provider.credential': {
    what: '提供方是否接受其每个凭据：对模型列表发一次 GET。',
    why: '密钥已吊销或属于其他项目、引用指向不存在的内容、`base_url` 缺少版本。',
    remedy: '在 auth.json 中替换密钥，或重新登录。',
  },
  'credential.sign-in': {
    what: '每个 `oauth` 账户是否已登录、以谁的身份、到何时为止。',
    why: '尚未登录；登录的账户与 `account` 要求的不同；没有刷新令牌。',
    remedy: '请用 `moltbot auth login NAME` 登录。',
  },
  'credential.refresh': {
    what: '令牌能否续期：记录中最近几次尝试的结果，以及令牌服务器是否接受我们的客户端（用一个从未存在的令牌询问，不会消耗任何东西）。',
    why: '过期：长时间没有运行。撤销：修改密码或管理员操作。使用两次：应答丢失，或另一程序有相同的令牌。客户端被拒：密钥已更换。',
    remedy: '重新登录；客户端被拒时，请与其登记比较。',
  },
  'credential.scopes': {
    what: '调用所需的权限（`required_scopes`）与 auth.json 请求的、实际授予的权限之比较。',
    why: 'auth.json 中缺少某个权限、客户端不允许拥有它，或用户没有同意。',
    remedy: '在 auth.json 中添加、在提供方处开放，然后重新登录。',
  },
  'callback.reachable': {
    what: '浏览器能否从登录页返回：端口可以打开、请求能够到达、访问本机不经代理。',
    why: '已登记的 `redirect_uri` 端口被占用；浏览器在另一台机器上；浏览器访问 localhost 也走代理。',
    remedy: '释放端口；让 localhost 不走代理；或粘贴浏览器最终停留的地址。',
  },
  'oidc.issuer': {
    what: '`server.oidc` 的签发者是否以该名称应答，并有允许类型的密钥。',
    why: '签发者名称多了斜杠、代理、算法不同。',
    remedy: '把 `issuer` 设为它自称的确切名称。',
  },
};
