import { computed } from '@preact/signals';
import { language } from '../state/settings.ts';
import { en, type Words } from './en.ts';
import { uz } from './uz.ts';

export const dictionaries = { en, uz } as const satisfies Record<string, Words>;

/** The words of the chosen language. Who reads them while rendering follows the choice. */
export const words = computed<Words>(() => dictionaries[language.value]);
