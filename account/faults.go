package account

import "certlink/internal/fault"

// Who are you, and may you.
var (
	ErrSignInRequired = fault.New(fault.Unauthorized, "sign_in_required",
		"请先登录。登录可能已超时，重新登录后可继续刚才的操作。",
		"Please sign in. Your sign-in may have timed out; after signing in again you can go on where you were.")
	ErrCredentials = fault.New(fault.Unauthorized, "credentials_wrong",
		"账号或密码不正确。请核对后重试；忘记密码请联系机构管理员。",
		"The login or the password is not right. Check both and try again; ask your organisation's admin if you forgot the password.")
	ErrTOTPRequired = fault.New(fault.Unauthorized, "totp_required",
		"此账号已开启动态口令。请打开验证器应用，输入 6 位动态口令。",
		"This account uses one-time codes. Open your authenticator app and type the six digits as well.")
	ErrTOTPWrong = fault.New(fault.Unprocessable, "totp_wrong",
		"动态口令不正确或已使用过。请等待验证器应用显示新口令后重试，并检查手机时间。",
		"The one-time code is wrong or was used already. Wait for the next code in your authenticator app, and check that the phone's clock is right.")
	ErrTOTPState = fault.New(fault.Conflict, "totp_state_wrong",
		"动态口令的当前状态不允许此操作。请刷新页面后重试。",
		"One-time codes are not in the state this needs (already on, not on, or not begun). Reload the page and try again.")
	ErrSignInLocked = fault.New(fault.Limited, "sign_in_locked",
		"密码错误次数过多，暂时不能登录。请在提示的时间后重试，或联系机构管理员。",
		"Too many wrong tries, so sign-in is paused for this login. Try again after the time shown, or ask your organisation's admin.")
	ErrSignInBusy = fault.New(fault.Unavailable, "sign_in_busy",
		"登录人数过多，请几秒后重试。",
		"Too many people are signing in at this moment. Try again in a few seconds.")
	ErrToken = fault.New(fault.Unauthorized, "token_invalid",
		"访问令牌无效、已过期或已被撤销。请重新获取令牌。",
		"The access token is not valid, has expired or was revoked. Get a new one.")
	ErrIssuerUnavailable = fault.New(fault.Unavailable, "issuer_unavailable",
		"暂时无法从身份服务获取验证密钥，令牌未能验证。请稍后重试。",
		"The keys of the identity service cannot be fetched just now, so the token could not be checked. Try again a little later.")
	ErrRole = fault.New(fault.Forbidden, "role_missing",
		"您的账号没有执行此操作的权限。如确有需要，请联系机构管理员或平台运营人员。",
		"Your account may not do this. If you need to, ask your organisation's admin or the operator of this platform.")
	ErrDemoAccount = fault.New(fault.Forbidden, "demo_account_refused",
		"这是演示账号，本系统未处于演示模式，不能使用。请使用正式账号登录。",
		"This is a demo account, and this installation is not in demo mode. Sign in with a real account.")
)

// Accounts and organisations.
var (
	ErrLocked = fault.New(fault.Forbidden, "account_locked",
		"此账号已被锁定，操作未执行。请联系机构管理员或平台运营人员解锁。",
		"This account is locked, so nothing was done. Ask your organisation's admin or the operator to unlock it.")
	ErrClosed = fault.New(fault.Forbidden, "account_closed",
		"此账号已注销，不能再使用。如需继续办理，请由机构管理员新建账号。",
		"This account is closed and can no longer be used. Ask your organisation's admin for a new one.")
	ErrUnknown = fault.New(fault.NotFound, "account_unknown",
		"找不到此账号。请核对账号，或确认它属于您的机构。",
		"There is no such account. Check it, and that it belongs to your organisation.")
	ErrExists = fault.New(fault.Conflict, "account_exists",
		"此登录名或外部编号已被另一个账号使用。请更换后重试。",
		"Another account already has this login or external id. Choose another one.")
	ErrOrganisationUnknown = fault.New(fault.NotFound, "organisation_unknown",
		"找不到此机构。请核对统一社会信用代码，或先创建机构。",
		"There is no such organisation. Check the credit code, or create the organisation first.")
	ErrOrganisationExists = fault.New(fault.Conflict, "organisation_exists",
		"已有机构使用此统一社会信用代码。请直接使用该机构。",
		"An organisation with this credit code exists already. Use that one.")
	ErrOrganisationChanged = fault.New(fault.Forbidden, "organisation_changed",
		"此账号属于另一个机构，不能改换。请由运营人员注销旧账号后重新建立。",
		"This account belongs to another organisation and cannot move. Ask the operator to close it; a new one is made then.")
	ErrCreditCode = fault.New(fault.Unprocessable, "credit_code_invalid",
		"统一社会信用代码应为 18 位数字或大写字母。请核对营业执照。",
		"A unified social credit code has 18 digits or capital letters. Check it against the business licence.")
	ErrName = fault.New(fault.Unprocessable, "name_invalid",
		"名称为空、过长，或含有不可见字符、以 = + - @ 开头。请修改后重试。",
		"The name is empty, too long, holds invisible characters, or begins with = + - or @. Change it and try again.")
	ErrLogin = fault.New(fault.Unprocessable, "login_invalid",
		"登录名应为 2 至 64 个字母、数字或 . _ - @，并以字母或数字开头。",
		"A login has 2 to 64 letters, digits or . _ - @ and begins with a letter or digit.")
	ErrMobile = fault.New(fault.Unprocessable, "mobile_invalid",
		"手机号码不正确，应为 5 至 15 位数字，可带国际区号（如 +86）。",
		"The mobile number is not right: 5 to 15 digits, with a country code such as +86 if you like.")
	ErrEmail = fault.New(fault.Unprocessable, "email_invalid",
		"电子邮箱格式不正确，应类似 name@example.com。",
		"The e-mail address is not right; it looks like name@example.com.")
	ErrRoleUnknown = fault.New(fault.Unprocessable, "role_unknown",
		"没有这种角色。可用：机构管理员 admin、其他员工 employee、审核员 reviewer、运营 operator、集成方 integrator。",
		"There is no such role. There are admin, employee, reviewer, operator and integrator.")
	ErrPasswordWeak = fault.New(fault.Unprocessable, "password_weak",
		"密码过于简单。请使用 10 至 128 个字符，不要包含登录名，也不要用常见密码或重复字符。",
		"The password is too easy to guess. Use 10 to 128 characters, not the login, no common password and no repeated characters.")
	ErrOldPassword = fault.New(fault.Unprocessable, "password_old_wrong",
		"原密码不正确，密码没有修改。请核对后重试。",
		"The present password is not right, so it was not changed. Check it and try again.")
	ErrNoPassword = fault.New(fault.Conflict, "password_not_here",
		"此账号通过外部身份服务登录，没有本地密码。请在原系统中修改密码。",
		"This account signs in through an outside identity service and has no password here. Change it there.")
	ErrStateWrong = fault.New(fault.Conflict, "account_state_wrong",
		"账号当前状态不允许此操作。请刷新后查看最新状态。",
		"The account is not in the state this needs. Reload to see its present state.")
	ErrTokenUnknown = fault.New(fault.NotFound, "token_unknown",
		"找不到此访问令牌，它可能已被删除。",
		"There is no such access token; it may have been removed.")
	ErrInput = fault.New(fault.Invalid, "account_input_invalid",
		"提交的内容缺少必填项或格式不正确。请按提示修改后重试。",
		"Something required is missing or malformed. Correct what is marked and try again.")
)

// Import.
var (
	ErrImport = fault.New(fault.Unprocessable, "import_malformed",
		"导入文件无法读取。请使用模板，另存为 CSV（UTF-8 或 GB18030 编码）后重新上传；没有导入任何数据。",
		"The file cannot be read. Use the template, save it as CSV (UTF-8 or GB18030) and upload it again; nothing was imported.")
	ErrImportLarge = fault.New(fault.TooLarge, "import_too_large",
		"导入文件过大或行数过多。请拆分成几个文件后分别导入；没有导入任何数据。",
		"The file has too many bytes or rows. Split it and import the parts; nothing was imported.")
	ErrRowTwice = fault.New(fault.Unprocessable, "import_row_twice",
		"同一账号在文件中出现了多次，只处理第一行。请删除重复的行。",
		"The same account stands in the file more than once; only its first row was used. Remove the others.")
)

// Devices and their proofs.
var (
	ErrProofRequired = fault.New(fault.Unauthorized, "dpop_required",
		"请求缺少设备证明。请更新手机应用后重试。",
		"The request carries no proof of the device key (DPoP). Update the app and try again.")
	ErrNonce = fault.New(fault.Unauthorized, "use_dpop_nonce",
		"设备证明需要使用服务器的最新随机数，应用会自动重试。",
		"The proof must carry the server's current nonce; the app repeats the request with it by itself.")
	ErrProof = fault.New(fault.Unauthorized, "dpop_invalid",
		"设备证明无效，请求未被接受。请检查手机时间是否正确，并更新应用后重试。",
		"The proof of the device key is not valid. Check that the phone's clock is right, update the app and try again.")
	ErrReplayed = fault.New(fault.Unauthorized, "dpop_replayed",
		"此请求的设备证明已使用过。请重新操作。",
		"This proof of the device key was used before. Do it again from the app.")
	ErrProofBusy = fault.New(fault.Unavailable, "dpop_overloaded",
		"服务器请求过多，请稍后重试。",
		"The server has too many requests to remember. Try again in a little while.")
	ErrDeviceUnknown = fault.New(fault.NotFound, "device_unknown",
		"此手机尚未登记。请重新打开应用完成登记。",
		"This phone is not registered here. Open the app again to register it.")
	ErrDeviceRevoked = fault.New(fault.Forbidden, "device_revoked",
		"此手机已被停用。请用应用中的“更换手机”重新登记并验证身份。",
		"This phone was revoked. Register anew in the app and prove your identity again.")
	ErrDeviceShared = fault.New(fault.Forbidden, "device_shared",
		"这部手机还保存着其他账号的证书，您不能移除它。请吊销您这边的证书，或联系平台运营人员移除。",
		"This phone also holds certificates of others, so you cannot take it out of use. Revoke yours, or ask the operator of this platform.")
	ErrDeviceKey = fault.New(fault.Unprocessable, "device_key_refused",
		"手机密钥不符合要求（只接受 P-256 公钥）。请更新应用。",
		"The phone's key is not accepted: it must be a public P-256 key and nothing else. Update the app.")
	ErrDevicesLimited = fault.New(fault.Limited, "devices_too_many",
		"登记的新手机过多，请稍后重试。",
		"Too many new phones are registering. Try again a little later.")
	ErrPINNotSet = fault.New(fault.Conflict, "pin_not_set",
		"此手机尚未设置 PIN 码。请先设置。",
		"This phone has no PIN yet. Set one first.")
	ErrPINSet = fault.New(fault.Conflict, "pin_already_set",
		"此手机已设置过 PIN 码。请使用原 PIN 码，或重设后重新领取证书。",
		"This phone already has a PIN. Use it, or reset it and apply for a new certificate.")
	ErrPINWrong = fault.New(fault.Forbidden, "pin_wrong",
		"PIN 码不正确。请重试；错误次数用完后 PIN 码将被永久锁定。",
		"The PIN is wrong. Try again; when no tries are left it is locked for good.")
	ErrPINLocked = fault.New(fault.Forbidden, "pin_locked",
		"PIN 码错误次数过多，已被锁定。请重设 PIN 码并重新领取证书，无需再次付费。",
		"Too many wrong PINs: it is locked for good. Reset it and get a new certificate; you do not pay again.")
	ErrPINBusy = fault.New(fault.Limited, "pin_busy",
		"正在核对上一次输入的 PIN 码，请稍候再试。",
		"The PIN typed before is still being checked. Try again in a moment.")
)
