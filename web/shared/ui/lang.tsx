import { lang, setLang } from '../i18n'
import { Button } from './button'
import { word } from './words'

// Named in the language that it leads to, for the person who needs it.
export function LangSwitch() {
  const to = lang() === 'en' ? 'zh-CN' : 'en'
  return (
    <span lang={to}>
      <Button kind="quiet" size="small" testid="lang" label={word('switchLang')} onClick={() => setLang(to)}>
        {word('langName')}
      </Button>
    </span>
  )
}
