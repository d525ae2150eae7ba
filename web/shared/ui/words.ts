// The few words that the shared parts say themselves.
import { dictionary } from '../i18n'

export const word = dictionary(
  {
    close: '关闭',
    retry: '重试',
    code: '错误代码 {code}',
    request: '请求编号 {id}',
    waiting: '正在加载…',
    summary: '有 {n} 处需要修改',
    show: '显示',
    hide: '隐藏',
    showPassword: '显示密码',
    hidePassword: '隐藏密码',
    qr: '二维码，用手机应用扫描',
    switchLang: 'Switch to English',
    langName: 'English',
  },
  {
    close: 'Close',
    retry: 'Try again',
    code: 'Error code {code}',
    request: 'Request {id}',
    waiting: 'Loading…',
    summary: '{n} {n:thing|things} to correct',
    show: 'Show',
    hide: 'Hide',
    showPassword: 'Show password',
    hidePassword: 'Hide password',
    qr: 'QR code, to be scanned with the phone app',
    switchLang: '切换到中文',
    langName: '中文',
  },
)
