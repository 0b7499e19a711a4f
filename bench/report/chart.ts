import type { Chart, Row } from '../scenario.ts';

const width = 760;
const labelWidth = 330;
const lineHeight = 22;
const top = 48;
const colours: Record<string, string> = {
  suhbat: '#1f7a5c',
  'floor: publish': '#8a8f98',
  'floor: durable': '#8a8f98',
};
const otherColour = '#c0703a';

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** One bar for each row that has the figure; as an SVG that reads on light and on dark pages. */
export function chartOf({ title, figure }: Chart, rows: readonly Row[], footer: string): string {
  const bars = rows.filter((row) => Number.isFinite(row.figures[figure]));
  const most = Math.max(...bars.map((row) => row.figures[figure] ?? 0));
  const scale = (width - labelWidth - 90) / (most || 1);
  const lines = bars.map((row, at) => {
    const value = row.figures[figure] ?? 0;
    const y = top + at * lineHeight;
    const length = Math.max(1, value * scale);
    return [
      `<text x="${labelWidth - 8}" y="${y + 14}" text-anchor="end">${escaped(`${row.case} · ${row.subject}`)}</text>`,
      `<rect x="${labelWidth}" y="${y + 3}" width="${length.toFixed(1)}" height="${lineHeight - 8}" rx="2" fill="${colours[row.subject] ?? otherColour}"/>`,
      `<text x="${(labelWidth + length + 6).toFixed(1)}" y="${y + 14}">${value.toLocaleString('en')}</text>`,
    ].join('');
  });
  const height = top + bars.length * lineHeight + 30;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#6b7280">
<text x="12" y="24" font-size="15" font-weight="600">${escaped(title)} (${escaped(figure)})</text>
${lines.join('\n')}
<text x="12" y="${height - 10}" font-size="10">${escaped(footer)}</text>
</svg>
`;
}
