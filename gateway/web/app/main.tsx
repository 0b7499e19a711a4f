import { render } from 'preact';
import { followLogin } from './state/current.ts';
import { applySettings } from './state/settings.ts';
import { App } from './views/app.tsx';

applySettings();
followLogin();
const root = document.getElementById('app');
if (root !== null) render(<App />, root);
