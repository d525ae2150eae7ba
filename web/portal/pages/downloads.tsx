// 下载中心: the drivers of U-Keys, and the phone app.
import { dictionary, either } from '../../shared/i18n'
import type { Provider } from '../../shared/model'
import { Icon } from '../../shared/ui'
import { useApp } from '../state'
import { providerName, w } from '../words'
import { Lines, Loaded, useProviders } from './phones'

const say = dictionary(
  {
    appTitle: '手机应用',
    appText: '移动证书保存在手机应用里，不需要驱动。用手机浏览器打开下面的地址，按提示添加到主屏幕即可。',
    appOpen: '打开手机应用',
    bridgeTitle: '桌面连接程序',
    bridgeText: '网页通过它使用 U-Key：装好后保持运行，插入 U-Key 时网页会自动识别，PIN 码只在它弹出的桌面窗口中输入。适用于 Windows、macOS 和 Linux。',
    bridgeGet: '下载桌面连接程序',
    bridgeAsk: '请向管理员索取安装文件。',
    driversTitle: 'U-Key 驱动',
    driversText: '使用介质版（U-Key）证书的电脑需要安装对应服务商的驱动。请按服务商和操作系统选择；下载页面由服务商提供。',
    caption: '各服务商的 U-Key 驱动',
    provider: 'CA服务商',
    driver: '驱动下载',
    none: '暂无下载地址，请致电索取',
    windows: 'Windows',
    macos: 'macOS',
    linux: 'Linux',
    forOS: '{provider} {os} 驱动（在新标签页打开）',
  },
  {
    appTitle: 'Phone app',
    appText: 'Mobile certificates live in the phone app and need no driver. Open the address below in the phone’s browser and add it to the home screen.',
    appOpen: 'Open the phone app',
    bridgeTitle: 'Desktop bridge',
    bridgeText: 'Pages use U-Keys through it: keep it running once it is installed; pages recognise a U-Key by themselves, and the PIN is typed only into the window that it opens. For Windows, macOS and Linux.',
    bridgeGet: 'Get the desktop bridge',
    bridgeAsk: 'Ask your administrator for the installer.',
    driversTitle: 'U-Key drivers',
    driversText: 'A computer that uses a U-Key needs its provider’s driver. Choose by provider and operating system; the downloads are the providers’ own.',
    caption: 'U-Key drivers by provider',
    provider: 'CA provider',
    driver: 'Driver',
    none: 'No download known; please call',
    windows: 'Windows',
    macos: 'macOS',
    linux: 'Linux',
    forOS: 'Driver of {provider} for {os} (opens in a new tab)',
  },
)

export function DownloadsPage() {
  const { config } = useApp()
  const providers = useProviders()
  return (
    <div class="stack page-body">
      <h1>{w('downloads')}</h1>
      <section class="card card-padded stack-s" aria-labelledby="phone-app">
        <h2 id="phone-app">{say('appTitle')}</h2>
        <p>{say('appText')}</p>
        <p>
          <a class="button" href="/phone/">
            <Icon name="phone" />
            {say('appOpen')}
          </a>{' '}
          <span class="mono small muted">{`${location.origin}/phone/`}</span>
        </p>
      </section>
      {config?.bridge && (
        <section class="card card-padded stack-s" aria-labelledby="bridge">
          <h2 id="bridge">{say('bridgeTitle')}</h2>
          <p>{say('bridgeText')}</p>
          <p>
            {config.bridge.download ? (
              <a class="button" href={config.bridge.download} target="_blank" rel="noopener noreferrer">
                <Icon name="download" />
                {say('bridgeGet')}
              </a>
            ) : (
              <span class="muted">{say('bridgeAsk')}</span>
            )}
          </p>
        </section>
      )}
      <section class="card" aria-labelledby="drivers">
        <div class="card-title stack-s">
          <h2 id="drivers">{say('driversTitle')}</h2>
          <p class="muted">{say('driversText')}</p>
        </div>
        <Loaded load={providers}>{(list) => <Drivers providers={list.filter((p) => p.media.includes('ukey'))} />}</Loaded>
      </section>
    </div>
  )
}

function Drivers({ providers }: { providers: Provider[] }) {
  return (
    <table class="table table-plain" aria-label={say('caption')}>
      <thead>
        <tr>
          <th scope="col">{say('provider')}</th>
          <th scope="col">{say('driver')}</th>
        </tr>
      </thead>
      <tbody>
        {providers.map((p) => (
          <tr key={p.id}>
            <th scope="row">
              {providerName(p)}
              {p.media_names?.ukey && <span class="cell-sub">{either(p.media_names.ukey.zh, p.media_names.ukey.en)}</span>}
            </th>
            <td>
              {p.drivers.length > 0 ? (
                <ul role="list" class="row">
                  {p.drivers.map((d) => (
                    <li key={d.os + d.url}>
                      <a href={d.url} target="_blank" rel="noopener noreferrer" aria-label={say('forOS', { provider: providerName(p), os: say(d.os) })}>
                        {say(d.os)}
                      </a>
                    </li>
                  ))}
                </ul>
              ) : (
                <>
                  <span class="muted">{say('none')}</span>
                  <Lines provider={p} />
                </>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
