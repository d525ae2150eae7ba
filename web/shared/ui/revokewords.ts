// The words of revoking, and the reasons, which are those of the API.
import { dictionary } from '../i18n'
import type { RevokeReason } from '../model'

export const revoking = dictionary(
  {
    title: '吊销证书',
    lead: '吊销后这张证书立即不能再登录、签名和解密，不能恢复。',
    again: '移动证书在原有效期内，重新认证身份后可以用新手机换领，不再收费。',
    againPhone: '如需继续使用，请在电脑网页的“CA证书申领”中重新认证身份，换领新证书，不再收费。',
    againStaff: '持有人会收到通知；移动证书在原有效期内可以重新认证身份后免费换领。',
    why: '吊销原因',
    missing: '请选择吊销原因',
    key_compromise: '手机或 U-Key 丢失，或密钥、PIN 码可能泄露',
    key_compromise_phone: '怀疑他人拿过手机或知道 PIN 码',
    affiliation_changed: '持有人离职，或机构、姓名等信息变更',
    superseded: '已换用新证书',
    cessation_of_operation: '不再使用',
    privilege_withdrawn: '不再具备使用资格',
    unspecified: '其他原因',
    keep: '保留证书',
    close: '关闭',
    failed: '证书没有吊销。',
    done: '“{holder}”的证书已吊销。',
  },
  {
    title: 'Revoke the certificate',
    lead: 'From this moment it can no longer sign in, sign or decrypt, and it cannot be brought back.',
    again: 'A mobile certificate can be replaced until its term is over: have your identity checked again and collect another one with a new phone, without paying again.',
    againPhone: 'To go on, have your identity verified anew on the web page (“Apply for a certificate”) and collect another one, without paying again.',
    againStaff: 'Its holder is told; a mobile certificate can be replaced free of charge after the identity was checked again, until its term is over.',
    why: 'Why',
    missing: 'Choose why it is revoked',
    key_compromise: 'The phone or U-Key is lost, or the key or PIN may be known',
    key_compromise_phone: 'Somebody may have had the phone, or know the PIN',
    affiliation_changed: 'The holder has left, or names have changed',
    superseded: 'A new certificate has taken its place',
    cessation_of_operation: 'No longer used',
    privilege_withdrawn: 'No longer entitled',
    unspecified: 'Another reason',
    keep: 'Keep it',
    close: 'Close',
    failed: 'The certificate was not revoked.',
    done: 'The certificate of “{holder}” was revoked.',
  },
)

const own: RevokeReason[] = ['key_compromise', 'affiliation_changed', 'cessation_of_operation', 'unspecified']
const staff: RevokeReason[] = ['key_compromise', 'affiliation_changed', 'cessation_of_operation', 'privilege_withdrawn', 'unspecified']

// Of what people may choose; staff may say besides that somebody is no longer entitled.
export function reasonsOf(byStaff?: boolean): readonly RevokeReason[] {
  return byStaff ? staff : own
}

export function reasonName(reason: string): string {
  return revoking.has(reason) ? revoking(reason) : reason
}
