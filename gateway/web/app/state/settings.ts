import { effect, signal } from '@preact/signals';
import { keep, readKept } from './kept.ts';

export type Language = 'en' | 'uz';
export type Theme = 'system' | 'light' | 'dark';

const languageKey = 'suhbat.language';
const themeKey = 'suhbat.theme';

export const language = signal<Language>(readLanguage());
export const theme = signal<Theme>(readTheme());

function readLanguage(): Language {
  const kept = readKept(languageKey);
  if (kept === 'en' || kept === 'uz') return kept;
  return navigator.language.toLowerCase().startsWith('uz') ? 'uz' : 'en';
}

function readTheme(): Theme {
  const kept = readKept(themeKey);
  return kept === 'light' || kept === 'dark' ? kept : 'system';
}

export function setLanguage(next: Language): void {
  language.value = next;
  keep(languageKey, next);
}

export function setTheme(next: Theme): void {
  theme.value = next;
  keep(themeKey, next === 'system' ? null : next);
}

/** The document follows the settings, those that another tab has changed too. */
export function applySettings(): void {
  effect(() => {
    document.documentElement.lang = language.value;
  });
  effect(() => {
    if (theme.value === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme.value;
  });
  addEventListener('storage', ({ key }) => {
    if (key === languageKey) language.value = readLanguage();
    if (key === themeKey) theme.value = readTheme();
  });
}
