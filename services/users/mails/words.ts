import type { Language } from '../../../schemas/language.ts';
import type { CodePurpose } from '../codes.store.ts';

/** All that our mails say. `{code}` stands for six digits. */
export interface MailWords {
  /** Of each purpose: the subject, and what the code is for. */
  code: Record<CodePurpose, { subject: string; lead: string }>;
  /** How long, and what not to do with it. */
  life: string;
  /** For who did not ask. */
  notYou: string;
  taken: { subject: string; lead: string; advice: string };
}

const en: MailWords = {
  code: {
    verify: { subject: '{code} is your Suhbat code', lead: 'To confirm this mail address, enter:' },
    register: { subject: '{code} is your Suhbat code', lead: 'To finish your registration, enter:' },
    login: { subject: '{code} is your Suhbat login code', lead: 'To log in to Suhbat, enter:' },
    reset: { subject: '{code} resets your Suhbat password', lead: 'To set a new password, enter:' },
  },
  life: 'The code is good for 10 minutes, once. Suhbat never asks you for it: tell it to nobody.',
  notYou: 'If you did not ask for it, you need not do anything.',
  taken: {
    subject: 'Your mail address was used to register at Suhbat',
    lead: 'Somebody has tried to register at Suhbat with this mail address, which belongs to your account.',
    advice:
      'If it was you, log in, or set a new password. If not, you need not do anything: your account is safe.',
  },
};

const uz: MailWords = {
  code: {
    verify: {
      subject: '{code} – Suhbat kodingiz',
      lead: 'Pochta manzilingizni tasdiqlash uchun kodni kiriting:',
    },
    register: {
      subject: '{code} – Suhbat kodingiz',
      lead: 'Roʻyxatdan oʻtishni yakunlash uchun kodni kiriting:',
    },
    login: { subject: '{code} – Suhbatga kirish kodingiz', lead: 'Suhbatga kirish uchun kodni kiriting:' },
    reset: {
      subject: '{code} – Suhbat parolini yangilash',
      lead: 'Yangi parol oʻrnatish uchun kodni kiriting:',
    },
  },
  life: 'Kod 10 daqiqa davomida bir marta ishlaydi. Suhbat uni sizdan hech qachon soʻramaydi: hech kimga aytmang.',
  notYou: 'Agar buni siz soʻramagan boʻlsangiz, hech narsa qilishingiz shart emas.',
  taken: {
    subject: 'Pochta manzilingiz bilan Suhbatda roʻyxatdan oʻtishga urinishdi',
    lead: 'Kimdir hisobingizga tegishli ushbu pochta manzili bilan Suhbatda roʻyxatdan oʻtmoqchi boʻldi.',
    advice:
      'Agar bu siz boʻlsangiz, tizimga kiring yoki yangi parol oʻrnating. Aks holda hech narsa qilishingiz shart emas: hisobingiz xavfsiz.',
  },
};

export const mailWords: Record<Language, MailWords> = { en, uz };
