package trust

import (
	"time"

	"certlink/internal/fault"
)

// retry is when to come back after an authority could not be asked: by then the pause
// that package revocation makes after a failure is over.
const retry = 5 * time.Second

// What can be wrong with a signed statement.
var (
	ErrJWSMalformed = fault.New(fault.Invalid, "jws_malformed",
		"签名数据格式不正确，无法读取。请更新手机应用或签名工具后重试。",
		"The signature cannot be read: it is not a compact JWS of the agreed form. Update the app or signing tool and try again.")
	ErrJWSHeader = fault.New(fault.Invalid, "jws_header_refused",
		"签名数据的头部含有不允许的内容。请更新手机应用或签名工具后重试。",
		"The header of the signature carries something that is not allowed here. Update the app or signing tool and try again.")
	ErrJWSAlgorithm = fault.New(fault.Invalid, "jws_algorithm_refused",
		"不支持此签名算法，只接受 ES256、RS256 和 SM2SM3。请更换证书或更新应用。",
		"This signature algorithm is not accepted; ES256, RS256 and SM2SM3 are. Use another certificate or update the app.")
	ErrJWSMismatch = fault.New(fault.Invalid, "jws_algorithm_mismatch",
		"签名算法与证书的密钥类型不一致，签名未被接受。请用与证书相符的算法重新签名。",
		"The signature algorithm does not belong to the certificate's key, so the signature was not accepted. Sign again with the algorithm of the certificate.")
	ErrSignature = fault.New(fault.Unprocessable, "signature_invalid",
		"签名验证未通过：内容可能被改动，或不是用此证书签的。请重新扫码并签名。",
		"The signature does not verify: the content was changed, or another key signed it. Start again and sign anew.")
)

// What can be wrong with a certificate.
var (
	ErrCertificate = fault.New(fault.Invalid, "certificate_malformed",
		"证书内容无法读取或不符合规范。请重新导出证书，或联系颁发机构。",
		"The certificate cannot be read or breaks the rules of its format. Export it again, or ask the authority that issued it.")
	ErrUntrusted = fault.New(fault.Unprocessable, "certificate_untrusted",
		"此证书不是由所选 CA 服务商颁发的（或为自签名证书）。请确认选择的服务商与证书一致。",
		"This certificate was not issued by the chosen provider (or it is self-signed). Check that provider and certificate belong together.")
	ErrExpired = fault.New(fault.Unprocessable, "certificate_expired",
		"证书已过有效期，不能再用于签名或绑定。请续费延期或重新申领。",
		"The certificate has expired and can no longer sign or be bound. Renew and extend it, or apply for a new one.")
	ErrNotYetValid = fault.New(fault.Unprocessable, "certificate_not_yet_valid",
		"证书尚未到生效时间。请在生效后再试。",
		"The certificate is not valid yet. Try again once its term has begun.")
	ErrAuthorityExpired = fault.New(fault.Unprocessable, "certificate_authority_expired",
		"颁发此证书的 CA 证书已不在有效期内。请联系颁发机构或平台运营人员更新信任链。",
		"The authority's own certificate in this chain is outside its term. Ask the authority, or the operator of this platform to update the trust anchors.")
	ErrKeyUsage = fault.New(fault.Unprocessable, "certificate_key_usage",
		"此证书不能用于签名（例如它是加密证书）。请选择签名证书。",
		"This certificate is not one for signing (it may be the encryption twin). Choose the signing certificate.")
	ErrNotForEncryption = fault.New(fault.Unprocessable, "certificate_not_for_encryption",
		"此证书不能用于加密（例如它是签名证书）。请选择加密证书。",
		"This certificate is not one for encryption (it may be the signing twin). Choose the encryption certificate.")
	ErrCritical = fault.New(fault.Unprocessable, "certificate_critical_extension",
		"证书含有本平台无法识别的关键扩展，按规范不能接受。请联系颁发机构。",
		"The certificate carries a critical extension that this platform does not understand, so the standard forbids accepting it. Ask the authority.")
	ErrWeak = fault.New(fault.Unprocessable, "certificate_weak",
		"证书的密钥或签名算法强度不足（需 RSA 2048 位以上、P-256 或 SM2，且不能使用 SHA-1/MD5）。请更换证书。",
		"The certificate's key or signature algorithm is too weak (RSA of 2048 bits or more, P-256 or SM2 are needed, and neither SHA-1 nor MD5). Get a new certificate.")
	ErrKeyUnsupported = fault.New(fault.Unprocessable, "certificate_key_unsupported",
		"不支持此证书的密钥类型，只接受 P-256、RSA 和 SM2。请更换证书。",
		"This kind of key is not accepted; P-256, RSA and SM2 are. Get a certificate with one of those.")
	ErrRevoked = fault.New(fault.Unprocessable, "certificate_revoked",
		"证书已被颁发机构吊销，不能再使用。如有疑问请联系颁发机构。",
		"The authority has revoked this certificate; it can no longer be used. Ask the authority if you did not expect this.")
	ErrRevocationUnavailable = fault.New(fault.Unavailable, "revocation_unavailable",
		"暂时无法向颁发机构确认证书是否被吊销，为安全起见操作未执行。请稍后重试。",
		"Whether the certificate is revoked could not be learned from the authority just now, so for safety nothing was done. Try again a little later.").After(retry)
	ErrAnchors = fault.New(fault.Unprocessable, "trust_anchors_invalid",
		"信任链证书有误，未保存。请按每一处提示修正后重新上传。",
		"The trust anchors have mistakes and were not saved. Correct each one listed and upload them again.")
	ErrIdentifierRule = fault.New(fault.Invalid, "identifier_rule_invalid",
		"证书字段映射规则有误。请按提示修正。",
		"A rule that says which certificate field holds which identifier is wrong. Correct it as shown.")
)

// What can be wrong with a certificate request or a number.
var (
	ErrCSR = fault.New(fault.Invalid, "csr_malformed",
		"证书申请（PKCS#10）无法读取。请更新手机应用后重试。",
		"The certificate request (PKCS#10) cannot be read. Update the app and try again.")
	ErrCSRProof = fault.New(fault.Unprocessable, "csr_proof_invalid",
		"证书申请未能证明私钥归申请方持有。请重新生成密钥并重试。",
		"The certificate request does not prove that the sender holds the private key. Make a new key pair and try again.")
	ErrCSRWeak = fault.New(fault.Unprocessable, "csr_key_weak",
		"证书申请中的密钥强度不足或类型不受支持（需 P-256、SM2 或 RSA 2048 至 4096 位）。请重新生成密钥。",
		"The key in the certificate request is too weak or of an unsupported kind (P-256, SM2, or RSA of 2048 to 4096 bits). Make a new key pair.")
	ErrIDNumber = fault.New(fault.Unprocessable, "id_number_invalid",
		"身份证号码不正确，请核对 18 位号码及校验位。",
		"The ID number is not right: check all 18 characters, the last one is a check digit.")
)
