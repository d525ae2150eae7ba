package upload

import "certlink/internal/fault"

// The refusals.
var (
	ErrUnknown = fault.New(fault.NotFound, "file_unknown",
		"找不到这个文件，可能已被替换或删除。请刷新页面。",
		"There is no such file; it may have been replaced or removed. Reload the page.")
	ErrEmpty = fault.New(fault.Unprocessable, "file_empty",
		"文件是空的，没有保存。请重新选择文件。",
		"The file is empty and was not kept. Choose it again.")
	ErrTooLarge = fault.New(fault.TooLarge, "file_too_large",
		"文件超过 10 MB，没有保存。请压缩或重新扫描后上传。",
		"The file has more than 10 MB and was not kept. Make it smaller, or scan it again.")
	ErrKind = fault.New(fault.Unprocessable, "file_type_not_accepted",
		"文件内容不是可接受的格式，没有保存。请按提示的格式重新导出或拍照（只改扩展名无效）。",
		"What is in the file is not of an accepted type, so it was not kept. Export or photograph it in one of those named; renaming it does not help.")
)
