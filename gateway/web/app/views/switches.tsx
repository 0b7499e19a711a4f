import { useId } from 'preact/hooks';
import { type Language, language, setLanguage, setTheme, type Theme, theme } from '../state/settings.ts';
import { dictionaries, words } from '../words/words.ts';

interface ChoiceProps<T extends string> {
  title: string;
  options: readonly (readonly [T, string])[];
  chosen: T;
  choose(option: T): void;
  /** The title is for those who cannot see the options. */
  bare?: boolean;
}

/** A few options of which one holds: radio buttons that look like one switch. */
function Choice<T extends string>({ title, options, chosen, choose, bare = false }: ChoiceProps<T>) {
  const name = useId();
  return (
    <fieldset class="choice">
      <legend class={bare ? 'unseen' : undefined}>{title}</legend>
      <div class="segments">
        {options.map(([option, label]) => (
          <label key={option}>
            <input
              type="radio"
              name={name}
              value={option}
              checked={option === chosen}
              onChange={() => choose(option)}
            />
            <span>{label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

export function LanguageSwitch() {
  const options: [Language, string][] = [
    ['uz', dictionaries.uz.language],
    ['en', dictionaries.en.language],
  ];
  return (
    <Choice
      title={words.value.languageTitle}
      options={options}
      chosen={language.value}
      choose={setLanguage}
      bare
    />
  );
}

export function SettingsChoices({ onLanguage }: { onLanguage(language: Language): void }) {
  const w = words.value;
  const themes: [Theme, string][] = [
    ['system', w.themeSystem],
    ['light', w.themeLight],
    ['dark', w.themeDark],
  ];
  const languages: [Language, string][] = [
    ['uz', dictionaries.uz.language],
    ['en', dictionaries.en.language],
  ];
  return (
    <>
      <Choice title={w.theme} options={themes} chosen={theme.value} choose={setTheme} />
      <Choice
        title={w.languageTitle}
        options={languages}
        chosen={language.value}
        choose={(chosen) => {
          setLanguage(chosen);
          onLanguage(chosen);
        }}
      />
    </>
  );
}
