package bids

import "certlink/internal/fault"

// The refusals of the ledger and the guard.
var (
	ErrUnknown = fault.New(fault.NotFound, "bid_unknown",
		"没有这条投标记录。请核对编号。", "There is no such entry of a bid. Check its id.")
	ErrOther = fault.New(fault.Conflict, "bid_differs",
		"该编号已用于另一张证书的投标记录，未作更改。请换一个编号。",
		"This id stands for a bid under another certificate already, so nothing was changed. Use another id.")
	ErrClosed = fault.New(fault.Conflict, "bid_closed",
		"该投标记录已关闭，不能再更改。", "This entry is closed and can no longer be changed.")
	ErrFull = fault.New(fault.Conflict, "bids_too_many",
		"该证书未开标的投标记录过多，未登记。请先关闭已开标的记录。",
		"There are too many open bids under this certificate, so this one was not recorded. Close those that have been opened.")
	ErrTime = fault.New(fault.Unprocessable, "bid_time_wrong",
		"开标时间须在今后十年之内，且不早于宽限期之前。请核对。",
		"The opening must lie within the next ten years, and not before the days of grace. Check the time.")
	ErrOpen = fault.New(fault.Conflict, "bids_open",
		"该证书已用于加密尚未开标的投标文件，延期可能导致无法解密，因此没有延期。请查看开标时间并致电 CA 服务商确认；确需继续的，须由证书持有人签名确认。",
		"Bids that have not been opened are encrypted to this certificate, and extending it may make them unreadable, so it was not extended. Look at the openings and call the authority; to go on all the same, the holder of the certificate must sign an acknowledgement.")
	ErrKeyNeeded = fault.New(fault.Conflict, "bids_need_keys",
		"有尚未开标的投标文件只能用这部手机上的密钥解密，现在继续会导致它们无法解密，因此没有执行。请等开标后再操作；手机丢失等必须继续的，请在核对清单后明确确认。",
		"Bids that have not been opened can only be decrypted with the keys on this phone, and going on would make them unreadable, so nothing was done. Wait until they are opened; if it must be, as with a stolen phone, check the list and say so.")
	ErrChanged = fault.New(fault.Conflict, "bids_changed",
		"在您确认期间，未开标的投标记录发生了变化，该确认无效。请查看新的清单后重新确认。",
		"The list of open bids has changed while you were confirming, so this acknowledgement does not count. Look at the new list and confirm again.")
	ErrNothing = fault.New(fault.Conflict, "bids_none",
		"该证书没有未开标的投标记录，无需确认。", "There are no open bids under this certificate, so there is nothing to acknowledge.")
	ErrNoKey = fault.New(fault.Unprocessable, "rehearsal_no_key",
		"该证书没有加密证书，不能做解密演练。", "This certificate has no encryption certificate, so there is nothing to rehearse.")
	ErrRehearsal = fault.New(fault.NotFound, "rehearsal_unknown",
		"没有这次解密演练，或它不属于本机。请重新开始。", "There is no such rehearsal on this phone. Begin again.")
	ErrRehearsalLate = fault.New(fault.Gone, "rehearsal_expired",
		"解密演练已超时。请重新开始。", "The time for this rehearsal is over. Begin again.")
)
