// How remote cursors look. A constructed sheet: a strict content security policy allows it, where it forbids a style element.

const css = `
:host { position: absolute; inset: 0; z-index: 1; overflow: hidden; pointer-events: none; }
[hidden] { display: none; }
.view { position: absolute; overflow: hidden; contain: strict; }
.content { position: absolute; left: 0; top: 0; will-change: transform; }
.caret, .selection { position: absolute; left: 0; top: 0; }
.caret { width: 2px; margin-left: -1px; border-radius: 1px; background: var(--color); transition: opacity .4s; }
.caret.smooth { transition: opacity .4s, transform .12s ease-out; }
.caret.idle { opacity: .4; }
.selection { background: var(--color); opacity: .22; border-radius: 2px; }
.flag {
  position: absolute; left: 0; bottom: 100%; max-width: 14em; padding: 0 .4em; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
  border-radius: 4px 4px 4px 0; background: var(--color); color: #fff; font: 600 11px/1.45 system-ui, sans-serif; transition: opacity .3s;
}
.below .flag { bottom: auto; top: 100%; border-radius: 0 4px 4px 4px; }
.leftward .flag { left: auto; right: 0; border-radius: 4px 4px 0 4px; }
.below.leftward .flag { border-radius: 4px 0 4px 4px; }
.quiet .flag { opacity: 0; }
@media (prefers-reduced-motion: reduce) { .caret, .caret.smooth, .flag { transition: none; } }
`;

let made: CSSStyleSheet | undefined;

/** One for the whole page. */
export function sheet(): CSSStyleSheet {
  if (!made) (made = new CSSStyleSheet()).replaceSync(css);
  return made;
}
