// Light or dark: the system's choice until the button is pressed, then the person's.

import { byId } from './dom.js';

export function bindTheme(): void {
  const root = document.documentElement;
  const kept = localStorage.getItem('headwater.theme');
  if (kept === 'light' || kept === 'dark') root.dataset.theme = kept;
  byId<HTMLButtonElement>('theme').onclick = () => {
    const system = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
    root.dataset.theme = (root.dataset.theme ?? system) === 'dark' ? 'light' : 'dark';
    localStorage.setItem('headwater.theme', root.dataset.theme);
  };
}
