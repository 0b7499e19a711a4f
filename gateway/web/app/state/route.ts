import { signal } from '@preact/signals';

/** The open chat stands in the address, so that Back, a reload and a second tab find it. */
export const openChatId = signal<string | undefined>(read());

addEventListener('hashchange', () => {
  openChatId.value = read();
});

function read(): string | undefined {
  return /^#\/chat\/([0-9a-f-]{36})$/.exec(location.hash)?.[1];
}

export const chatAddress = (chatId: string) => `#/chat/${chatId}`;

export function openChat(chatId: string): void {
  location.hash = chatAddress(chatId);
}

export function closeChat(): void {
  location.hash = '#/';
}
