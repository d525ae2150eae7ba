// Words that several pages of the portal use; each page has its own besides.
import { visible } from '../shared/format'
import { dictionary, either, lang } from '../shared/i18n'
import type { Medium, NamedProvider, Provider, Role } from '../shared/model'

export const w = dictionary(
  {
    desk: '我的工作台',
    system: '系统管理',
    ca: 'CA管理',
    bindings: 'CA绑定与解绑',
    apply: 'CA证书申领',
    certificates: '证书管理',
    renew: 'CA续费与延期',
    cashier: '订单与发票',
    reviewRenewals: '续费身份核验',
    reviewPayments: '付款审核',
    reviewInvoices: '发票处理',
    invoice: '申请发票',
    downloads: '下载中心',
    phones: '我的手机',
    account: '账号设置',
    operator: '运营管理',
    organisations: '机构管理',
    accounts: '账号管理',
    audit: '审计记录',
    messages: '未送达消息',
    review: 'CA审核',
    issuing: '待制证',
    reviewTokens: 'U-Key 新证书',
    integrator: '接口接入',
    menu: '菜单',
    closeMenu: '收起菜单',
    nav: '主菜单',
    trail: '当前位置',
    skip: '跳到主要内容',
    signOut: '退出登录',
    signedInAs: '当前账号',
    demo: '演示模式',
    demoText: '证书由演示机构签发，仅供试用，没有法律效力。',
    offline: '网络已断开。恢复后会自动继续，您填写的内容不会丢失。',
    online: '网络已恢复。',
    cancel: '取消',
    back: '返回上一步',
    next: '下一步',
    close: '关闭',
    retry: '重试',
    reload: '重新加载',
    done: '完成',
    help: '请联系 {name}：',
    admin: '机构管理员',
    employee: '员工',
    reviewer: 'CA审核员',
    operatorRole: '平台运营',
    integratorRole: '集成方',
    mobile: '移动版',
    ukey: '介质版（U-Key）',
    mobileShort: '移动版',
    ukeyShort: '介质版',
    loadFailed: '页面内容没有加载出来，之前的操作不受影响。',
    offlineTitle: '连接不上服务器',
    noRight: '您没有权限查看此页面',
    noRightText: '此页面面向{roles}。如果您的工作需要它，请联系机构管理员或平台运营人员调整账号角色。',
    notFound: '没有这个页面',
    notFoundText: '地址可能已变更。请从左侧菜单进入。',
    home: '回到首页',
    listSeparator: '、',
    named: '{name}：{text}',
    undoIn: '{n} 秒内可以撤销',
    undo: '撤销',
    undone: '已撤销',
    acts: '操作',
    more: '显示更多',
    refresh: '刷新',
    filters: '筛选',
    stale: '没有更新成功，下面显示的是之前的内容。',
    keys: '键盘：↑ ↓ 选择，回车打开',
  },
  {
    desk: 'My workbench',
    system: 'System',
    ca: 'CA certificates',
    bindings: 'Bind and unbind',
    certificates: 'Certificates',
    apply: 'Apply for a certificate',
    renew: 'Renew and extend',
    cashier: 'Orders and invoices',
    reviewRenewals: 'Identities for renewals',
    reviewPayments: 'Payments',
    reviewInvoices: 'Invoices',
    invoice: 'Invoice',
    downloads: 'Downloads',
    phones: 'My phones',
    account: 'Account',
    operator: 'Operation',
    organisations: 'Organisations',
    accounts: 'Accounts',
    audit: 'Audit log',
    messages: 'Undelivered',
    review: 'Review',
    issuing: 'Certificates to bring',
    reviewTokens: 'New certificates of U-Keys',
    integrator: 'Integration',
    menu: 'Menu',
    closeMenu: 'Close the menu',
    nav: 'Main menu',
    trail: 'You are here',
    skip: 'Skip to the content',
    signOut: 'Sign out',
    signedInAs: 'Signed in as',
    demo: 'Demo mode',
    demoText: 'Certificates come from a demo authority, are for trying out only, and have no legal effect.',
    offline: 'The network is gone. Things go on by themselves when it is back; nothing you typed is lost.',
    online: 'The network is back.',
    cancel: 'Cancel',
    back: 'Back',
    next: 'Next',
    close: 'Close',
    retry: 'Try again',
    reload: 'Load again',
    done: 'Done',
    help: 'Please call {name}:',
    admin: 'Organisation admin',
    employee: 'Employee',
    reviewer: 'CA reviewer',
    operatorRole: 'Operator',
    integratorRole: 'Integrator',
    mobile: 'Mobile certificate',
    ukey: 'U-Key (USB token)',
    mobileShort: 'Mobile',
    ukeyShort: 'U-Key',
    loadFailed: 'This page could not be loaded. What you did before is not affected.',
    offlineTitle: 'The server cannot be reached',
    noRight: 'You may not see this page',
    noRightText: 'This page is for: {roles}. If your work needs it, ask your organisation’s admin or the operator to change the roles of your account.',
    notFound: 'There is no such page',
    notFoundText: 'The address may have changed. Use the menu to find your way.',
    home: 'Back to the start',
    listSeparator: ', ',
    named: '{name}: {text}',
    undoIn: 'It can be undone for {n} {n:second|seconds}',
    undo: 'Undo',
    undone: 'Undone',
    acts: 'Actions',
    more: 'Show more',
    refresh: 'Refresh',
    filters: 'Filters',
    stale: 'It could not be brought up to date; what you see is what was there before.',
    keys: 'Keyboard: ↑ ↓ to choose, Enter to open',
  },
)

// "王敏（admin）": people of one name are told apart by their login.
export function personName(a: { name: string; login: string }): string {
  return lang() === 'en' ? `${visible(a.name)} (${a.login})` : `${visible(a.name)}（${a.login}）`
}

export function roleName(role: Role): string {
  const names = { admin: 'admin', employee: 'employee', reviewer: 'reviewer', operator: 'operatorRole', integrator: 'integratorRole' } as const
  return names[role] ? w(names[role]) : role
}

export function providerName(p: NamedProvider): string {
  return either(p.name_zh, p.name_en)
}

export function mediumName(medium: Medium): string {
  return w(medium)
}

export function mediumShort(medium: Medium): string {
  return w(medium === 'ukey' ? 'ukeyShort' : 'mobileShort')
}

// "汇信CA（移动证书）": what the provider itself calls its mobile certificate.
export function productName(p: Provider, medium: Medium): string {
  const names = p.media_names?.[medium]
  return (names && either(names.zh, names.en)) || providerName(p)
}
