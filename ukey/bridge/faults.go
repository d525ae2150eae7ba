package bridge

import "certlink/internal/fault"

// The bridge's own refusals; those of tokens are package ukey's.
var (
	// ErrNobody is the one answer to pages that have no business here, whatever they ask.
	ErrNobody = fault.New(fault.Forbidden, "bridge_not_for_you",
		"该网站不能使用桌面连接程序。", "This site may not use the desktop bridge.")
	ErrRequest = fault.New(fault.Invalid, "bridge_request_invalid",
		"桌面连接程序不理解这个请求。请更新桌面连接程序或联系网站。", "The bridge does not understand this request. Update the bridge, or ask the site.")
	ErrNotPaired = fault.New(fault.Unauthorized, "bridge_not_paired",
		"该网站尚未与这台电脑的桌面连接程序配对。请点击“配对”，并在弹出的桌面窗口中确认。", "This site is not paired with the bridge on this computer yet. Press Pair, and confirm in the window that opens on the desktop.")
	ErrPairRefused = fault.New(fault.Forbidden, "bridge_pair_refused",
		"您在桌面窗口中拒绝了配对，网站不能使用 U-Key。需要时可以重新配对。", "You refused the pairing in the window on the desktop, so the site cannot use U-Keys. You can pair again when you need to.")
	ErrPairWait = fault.New(fault.Limited, "bridge_pair_wait",
		"刚刚拒绝过该网站的配对，请稍后再试。", "A pairing of this site was refused just now. Try again a little later.")
	ErrBusy = fault.New(fault.Conflict, "bridge_busy",
		"桌面上还有一个未完成的 U-Key 操作。请先完成或取消那个窗口，再重试。", "Another U-Key operation is open on the desktop. Finish or cancel that window first, then try again.")
	ErrStatement = fault.New(fault.Invalid, "bridge_statement_refused",
		"桌面连接程序只签署完整的确认声明，这份内容不是，未签名。请刷新页面重试或联系网站。", "The bridge signs whole statements only, and this is none, so nothing was signed. Reload the page, or ask the site.")
	ErrChallenge = fault.New(fault.Forbidden, "bridge_challenge_refused",
		"桌面连接程序只为解密演练解密，这份内容不是演练，未告知任何结果。请刷新页面重试或联系网站。", "The bridge decrypts rehearsals only, and this is none, so nothing is told. Reload the page, or ask the site.")
	ErrAudience = fault.New(fault.Forbidden, "bridge_audience_refused",
		"这份声明是给另一个网站的，未签名。请直接打开要使用的网站再操作。", "The statement is meant for another site, so it was not signed. Open the site that you mean to use, directly.")
	ErrExpired = fault.New(fault.Gone, "bridge_statement_expired",
		"这份声明已过期，未签名。请在网页上重新开始；若电脑时间不准，请先校正。", "The statement has expired, so it was not signed. Start again on the page; if this computer's clock is wrong, set it first.")
	ErrLastTry = fault.New(fault.Forbidden, "bridge_last_try_declined",
		"只剩最后一次 PIN 码机会，您选择了不再尝试，未签名。请联系证书服务商确认 PIN 码或解锁。", "Only one try at the PIN was left and you chose not to use it; nothing was signed. Ask the certificate's provider about the PIN.")
)
