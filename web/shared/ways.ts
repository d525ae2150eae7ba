// The two ways into the phone app beside the code, said alike by the portal and by the
// widget on other sites: on the same device, and by the short code.

// A page on a phone, which cannot scan its own screen.
export const handheldMedia = '(max-width: 42rem) and (pointer: coarse)'

export const ways = {
  zh: {
    hereTitle: '请在手机应用中确认',
    hereText: '证书在这部手机里，就在本机的手机应用中打开，核对内容，输入 PIN 码确认。',
    showCode: '显示二维码',
    sameDevice: '在本机打开',
    linkOpened: '已在新标签页打开。确认后回到此页面查看结果。',
    linkReady: '链接 60 秒内有效，只能用一次。',
    linkOpen: '打开手机应用',
    typedAsk: '输入短码',
    typedTitle: '在手机上输入这个短码',
    typedText: '手机应用“扫一扫”页面 → 输入短码。',
  },
  en: {
    hereTitle: 'Confirm in the phone app',
    hereText: 'If this phone holds the certificate, open the request in its app, check it, and confirm with the PIN.',
    showCode: 'Show the code',
    sameDevice: 'Open on this device',
    linkOpened: 'Opened in a new tab. Come back here after confirming.',
    linkReady: 'The link is good for 60 seconds, once.',
    linkOpen: 'Open the phone app',
    typedAsk: 'Type a code',
    typedTitle: 'Type this code on the phone',
    typedText: 'In the phone app: Scan, then Type a code.',
  },
}
