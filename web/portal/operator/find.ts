// What was typed to find an organisation: the beginning of its credit code where
// it can be one (eighteen figures and capital letters, with a figure first), else
// of its name.
export function beginning(text: string): { name: string } | { credit_code: string } {
  const code = text.replace(/[\s-]/g, '').toUpperCase()
  return /^[0-9][0-9A-Z]{0,17}$/.test(code) && code.length >= 2 ? { credit_code: code } : { name: text.trim() }
}
