/** One mail to one person. */
export interface Mail {
  /** Unique for what it says: whoever gets it twice can tell. Letters, digits and `-`. */
  id: string;
  /** One bare address. */
  to: string;
  subject: string;
  text: string;
  html: string;
}

/**
 * Takes mails out of the house. `send` resolves when the next server has taken the mail, or it is on the disk, and
 * throws otherwise; both adapters throw `UnfitMail`, before anything is sent, for what could break out of a header. It
 * may be repeated: the mail then keeps its Message-ID.
 */
export interface Mailer {
  send(mail: Mail): Promise<void>;
  close(): Promise<void>;
}

/** Says nothing of the mail: what it holds is personal. */
class UnfitMail extends Error {
  readonly code = 'unfit_mail';

  constructor() {
    super('This mail cannot be sent: its address or subject is none');
  }
}

/** A line break begins another header; a comma or an angle bracket another address. */
const bareAddress = /^[^\s,;:<>()[\]\\"@\p{Cc}]{1,64}@[A-Za-z0-9.-]{1,253}$/u;
const oneLine = /^\P{Cc}{1,200}$/u;

export function refuseUnfit({ id, to, subject }: Mail): void {
  if (!bareAddress.test(to) || !oneLine.test(subject) || !/^[\w-]{1,80}$/.test(id)) throw new UnfitMail();
}

/** The parts of a mail as nodemailer takes them. */
export function messageOf({ id, to, subject, text, html }: Mail, from: string) {
  const domain = /@([A-Za-z0-9.-]+)>?$/.exec(from)?.[1] ?? 'localhost';
  return {
    from,
    to: { name: '', address: to },
    subject,
    text,
    html,
    messageId: `<${id}@${domain}>`,
    // Nobody's holiday answers it.
    headers: { 'Auto-Submitted': 'auto-generated' },
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}
