package push

// The localisation keys of messages to phones. A message holds one of them, an id and
// nothing else: what it is about is asked for, over a proven connection.
const (
	KeyPrompt = "prompt" // something is to be confirmed
)

// Sentence is what a key says to people, in both languages, and how urgent it is.
// It names nobody and nothing: it is also what a letter or a short message says.
type Sentence struct {
	ZH, EN string
	Lane   Lane
	// SMS: worth a short message, where the operator pays for them.
	SMS bool
	// Safety: it may tell of somebody else's doing, so it is written to everybody.
	Safety bool
}

// sentences are all that this server tells people by itself.
var sentences = map[string]Sentence{
	KeyPrompt:              {ZH: "有一项操作等待您在手机应用中确认。", EN: "Something waits for your confirmation in the phone app.", Lane: LaneNow},
	"binding_removed":      {ZH: "一张证书已从账号解除绑定。如非本人操作，请联系机构管理员。", EN: "A certificate was unbound from the account. If it was not you, tell your organisation's admin.", Lane: LaneSoon, SMS: true, Safety: true},
	"binding_created":      {ZH: "一张证书已绑定到账号。如非本人操作，请联系机构管理员。", EN: "A certificate was bound to the account. If it was not you, tell your organisation's admin.", Lane: LaneSoon, Safety: true},
	"certificate_revoked":  {ZH: "一张证书已被吊销，不能再使用。如非本人操作，请联系机构管理员。", EN: "A certificate was revoked and cannot be used any more. If you did not expect this, tell your organisation's admin.", Lane: LaneSoon, SMS: true, Safety: true},
	"certificate_ready":    {ZH: "您的证书已制作完成，打开手机应用即可使用。", EN: "Your certificate is ready: open the phone app, and it is there.", Lane: LaneSoon},
	"certificate_declined": {ZH: "CA 未签发证书，请到平台查看原因，之后可以重新领取。", EN: "The authority has not issued a certificate. The portal says why; it can be collected again afterwards.", Lane: LaneSoon},
	"certificate_expires":  {ZH: "有证书即将到期，请及时续费并延期，以免影响投标和解密。", EN: "A certificate is about to expire. Renew and extend it in time, or bids cannot be signed and opened.", Lane: LaneBulk, SMS: true},
	"bound_expires":        {ZH: "您绑定的证书即将到期。它不是在本平台申领的，请联系签发它的 CA 服务商续期，再到平台重新绑定。", EN: "A certificate that you have bound is about to expire. It was not issued here: ask its authority to renew it, then bind the new one.", Lane: LaneBulk, SMS: true},
	"renewal_unextended":   {ZH: "有证书已续费但尚未延期。付款后还须延期，有效期才会延长。", EN: "A certificate is paid for and not yet extended. It is only prolonged by the extension.", Lane: LaneBulk, SMS: true},

	"application_accepted":    {ZH: "您的证书申领已审核通过，请到平台查看下一步。", EN: "Your application for a certificate was accepted; the portal says what comes next.", Lane: LaneSoon},
	"application_rejected":    {ZH: "您的证书申领未通过审核，请到平台查看原因，修改后重新提交。", EN: "Your application for a certificate was not accepted. The portal says why; correct it and hand it in again.", Lane: LaneSoon, SMS: true},
	"application_issued":      {ZH: "您申领的证书已发证，可以绑定账号了。", EN: "The certificate you applied for was issued and can be bound to your account.", Lane: LaneSoon},
	"application_shipped":     {ZH: "您申领的 U-Key 已寄出，请到平台查看快递单号。", EN: "The U-Key you applied for is on its way; the portal has its number.", Lane: LaneSoon},
	"order_paid":              {ZH: "订单已支付。", EN: "An order was paid.", Lane: LaneSoon},
	"order_refunded":          {ZH: "订单已退款。", EN: "An order was refunded.", Lane: LaneSoon},
	"payment_proof_rejected":  {ZH: "付款凭证未通过审核，请到平台查看原因并重新提交。", EN: "A proof of payment was not accepted; the portal says why.", Lane: LaneSoon},
	"renewal_paid":            {ZH: "证书已续费，请确认延期。付款后还须延期，有效期才会延长。", EN: "A certificate is paid for: please confirm its extension. Only the extension prolongs it.", Lane: LaneSoon, SMS: true},
	"renewal_extended":        {ZH: "证书已延期。", EN: "A certificate was extended.", Lane: LaneSoon},
	"invoice_issued":          {ZH: "发票已开具，请到平台查看。", EN: "An invoice was issued; the portal has it.", Lane: LaneSoon},
	"invoice_rejected":        {ZH: "发票申请未通过，请到平台查看原因。", EN: "An invoice could not be issued; the portal says why.", Lane: LaneSoon},
	"device_revoked":          {ZH: "存有您证书的一部手机已被管理员移除。手机里的证书不能再使用。如有疑问，请联系机构管理员或平台运营人员。", EN: "An administrator has taken a phone with certificates of yours out of use. They cannot be used on it any more. If you did not expect this, tell your organisation's admin or the operator of this platform.", Lane: LaneSoon, SMS: true, Safety: true},
	"renewal_second_click":    {ZH: "证书延期还差一步：请到平台再点击一次延期。", EN: "One step of the extension is missing: press Extend once more in the portal.", Lane: LaneSoon, SMS: true},
	"renewal_rejected":        {ZH: "证书延期未通过审核，请到平台查看原因。", EN: "The extension was not accepted; the portal says why.", Lane: LaneSoon},
	"renewal_guarded":         {ZH: "证书延期已暂停：有未开标的加密投标。请到平台查看。", EN: "The extension is on hold: encrypted bids are not opened yet. The portal has the list.", Lane: LaneSoon},
	"renewal_refunding":       {ZH: "证书已失效，续费款项将退回。", EN: "The certificate is no longer good; the payment is being refunded.", Lane: LaneSoon},
	"renewal_identity_proved": {ZH: "身份已重新核验，可以领取新证书，无需再次付费。", EN: "Your identity has been verified again: collect the new certificate; there is nothing more to pay.", Lane: LaneSoon},
}

// otherwise is said for a key that this server does not know, which another room or a
// newer server has put there.
var otherwise = Sentence{ZH: "平台有新的消息，请登录查看。", EN: "The service has news for you; sign in to read it.", Lane: LaneSoon}

// Say finds what a key says.
func Say(key string) Sentence {
	if s, known := sentences[key]; known {
		return s
	}
	return otherwise
}
