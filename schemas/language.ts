/** The languages that Suhbat writes in. */
export const languages = ['en', 'uz'] as const;
export type Language = (typeof languages)[number];

/** What this is the name of, `uz-Latn` too; undefined for all others. */
export function languageNamed(name: unknown): Language | undefined {
  if (typeof name !== 'string') return undefined;
  const base = name.trim().toLowerCase().split('-')[0];
  return languages.find((language) => language === base);
}

/** The first of a client's `Accept-Language` that we write in, by its weights; English where there is none. */
export function languageOf(acceptLanguage: string): Language {
  const wishes = acceptLanguage
    .slice(0, 200)
    .split(',')
    .map((wish) => {
      const [name = '', ...more] = wish.split(';');
      const weight = Number(/^\s*q=([01](\.\d{0,3})?)\s*$/.exec(more[0] ?? '')?.[1] ?? 1);
      return { language: languageNamed(name), weight };
    })
    .filter(({ language, weight }) => language !== undefined && weight > 0)
    .sort((one, other) => other.weight - one.weight);
  return wishes[0]?.language ?? 'en';
}
