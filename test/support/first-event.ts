/** Of an event stream, which has no end: its first event, however what comes is cut into pieces. Ends the stream. */
export async function firstEvent({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const piece of body ?? []) {
    text += decoder.decode(piece, { stream: true });
    const end = text.indexOf('\n\n');
    if (end >= 0) return text.slice(0, end + 2);
  }
  return text;
}
