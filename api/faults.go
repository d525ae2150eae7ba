package api

import "certlink/internal/fault"

// The refusals of the door itself. All others are the rooms' behind it.
var (
	ErrRoute = fault.New(fault.NotFound, "route_unknown",
		"没有这个地址。请核对接口文档中的路径。", "There is nothing at this address. Check the path against the API document.")
	ErrMethod = fault.New(fault.NotAllowed, "method_not_allowed",
		"这个地址不支持该请求方法。请核对接口文档。", "This address does not take that method. Check the API document.")
	ErrJSON = fault.New(fault.Invalid, "json_malformed",
		"请求内容不是可接受的 JSON。请按提示的位置修正。", "The body is not acceptable JSON. Correct the place pointed at.")
	ErrRequest = fault.New(fault.Invalid, "request_invalid",
		"请求中有字段缺失、多余或类型不对。请按提示修正。", "Something in the request is missing, unknown or of the wrong type. Correct what is pointed at.")
	ErrHTTP = fault.New(fault.Invalid, "http_malformed",
		"无法读取该 HTTP 请求。请检查客户端或中间代理。", "The HTTP request cannot be read. Check the client, or the proxy between.")
	ErrMedia = fault.New(fault.Unsupported, "media_type_unsupported",
		"请求的 Content-Type 不受支持。请按接口文档的类型发送。", "This Content-Type is not taken here. Send the one that the API document names.")
	ErrBody = fault.New(fault.TooLarge, "body_too_large",
		"请求内容过大，未处理。请减小后重试。", "The body is too large and was not read. Send less.")
	ErrHeaders = fault.New(fault.TooLarge, "headers_too_large",
		"请求头过大，未处理。请清除该网站的 Cookie 后重试。", "The request's headers are too large. Clear the cookies of this site and try again.")
	ErrSlow = fault.New(fault.Unavailable, "request_timeout",
		"请求发送得太慢，已放弃。请检查网络后重试。", "The request arrived too slowly and was given up. Check the network and try again.")
	ErrCSRF = fault.New(fault.Forbidden, "csrf_refused",
		"该请求不是从本站页面发出的，已拒绝。请在本站页面上操作。", "The request did not come from a page of this site, so it was refused. Act on the site's own pages.")
	ErrRate = fault.New(fault.Limited, "rate_limited",
		"操作过于频繁。请在提示的时间后重试。", "Too many requests. Try again after the time shown.")
	ErrBusy = fault.New(fault.Unavailable, "server_busy",
		"服务器当前请求过多，未处理本次请求。请稍后重试。", "The server has too many requests just now and did not take this one. Try again in a moment.")
	ErrStreams = fault.New(fault.Unavailable, "streams_full",
		"同时等待结果的页面过多。页面会自动重试；也可以关闭其他页面。", "Too many pages are waiting for results at once. The page tries again by itself; closing others helps.")
	ErrStill = fault.New(fault.Gone, "code_not_shown",
		"二维码已不再显示：已被扫描、取消或已结束。请查看当前状态。", "The code is no longer shown: it was scanned, cancelled or is over. Look at the present state.")
	ErrCursor = fault.New(fault.Invalid, "cursor_invalid",
		"翻页标记无效。请从第一页重新开始。", "This is not a cursor of this list. Start again from the first page.")
	ErrEvidence = fault.New(fault.NotFound, "evidence_unknown",
		"找不到这份签名证据。", "There is no such evidence.")
	ErrUnavailable = fault.New(fault.Unavailable, "unavailable",
		"服务暂时不可用，操作可能没有完成。请稍后重试。", "The service is not available just now, and the operation may not have been done. Try again a little later.")
	ErrInternal = fault.New(fault.Internal, "internal",
		"服务器内部出错。请稍后重试；如仍失败，请把请求编号告诉运营人员。", "Something went wrong in the server. Try again; if it fails again, give the request id to the operator.")
)
