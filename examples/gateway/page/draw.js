// SPDX-License-Identifier: Apache-2.0
// Elements, and how figures become text and lines.

export const byId = (id) => document.getElementById(id);

/// A new element: element('p', {className: 'note'}, 'text', another).
export function element(tag, properties = {}, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
}

function svg(tag, attributes = {}, ...children) {
    const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
    Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
    made.append(...children);
    return made;
}

/// Sets the text of an element, which is touched only if it is another.
export function say(node, text) {
    if (node.textContent !== String(text)) {
        node.textContent = text;
    }
}

const whole = new Intl.NumberFormat('en');
const short = new Intl.NumberFormat('en', {maximumFractionDigits: 1});
export const number = (value) => (value < 10 ? short : whole).format(value < 10 ? value : Math.round(value));

/// A rate among others in a column.
export const rateText = (value) => value < 100 ? value.toFixed(1) : whole.format(Math.round(value));

export function duration(seconds) {
    const units = [[86_400, 'd'], [3_600, 'h'], [60, 'min'], [1, 's'], [0.001, 'ms']];
    const [size, unit] = units.find(([least]) => seconds >= least) ?? units.at(-1);
    return `${short.format(seconds / size)} ${unit}`;
}

/// A line through values, from left to right. For the eye: what it says is beside it in words.
export function sparkline() {
    const path = svg('path');
    const node = svg('svg', {class: 'sparkline', viewBox: '0 0 100 30', preserveAspectRatio: 'none', 'aria-hidden': 'true'},
                     path);
    return {
        node,
        draw(values) {
            const most = Math.max(...values, 1e-9);
            const step = 100 / Math.max(values.length - 1, 1);
            const points = values.map((value, i) => `${(i * step).toFixed(1)} ${(29 - 28 * value / most).toFixed(1)}`);
            path.setAttribute('d', points.length > 1 ? `M${points.join('L')}` : '');
        },
    };
}

/// A bar that says how much of something is taken.
export function gauge(kind) {
    const fill = element('div', {className: 'fill'});
    const text = element('span');
    const node = element('div', {className: `gauge ${kind}`}, element('div', {className: 'track'}, fill), text);
    return {
        node,
        draw(value, most) {
            say(text, number(value));
            fill.style.width = `${most > 0 ? Math.min(100 * value / most, 100) : 0}%`;
        },
    };
}

/// Columns for the buckets of a distribution of times.
export function histogram(title, note, bounds) {
    const width = 20;
    const height = 90;
    const columns = [...bounds, Infinity].map((bound, i) => {
        const from = i > 0 ? duration(bounds[i - 1]) : '0';
        const words = bound === Infinity ? `over ${from}` : `${from} to ${duration(bound)}`;
        const tip = svg('title');
        return {words, tip, rect: svg('rect', {x: i * width + 2, width: width - 4}, tip)};
    });
    // At the bounds that people think in.
    const marks = bounds.flatMap((bound, i) => [0.001, 0.01, 0.1, 1, 10, 60, 300].includes(bound)
        ? [svg('text', {x: (i + 1) * width, y: height + 16}, duration(bound))] : []);
    const right = columns.length * width;
    const picture = svg('svg', {viewBox: `0 0 ${right} ${height + 22}`, role: 'img'}, ...columns.map(({rect}) => rect),
                        svg('line', {x1: 0, x2: right, y1: height, y2: height}), ...marks);
    const summary = element('span');
    const caption = element('figcaption', {}, element('strong', {textContent: title}), ` ${note}: `, summary);
    return {
        node: element('figure', {className: 'histogram'}, caption, picture),
        draw(counts, text) {
            const most = Math.max(...counts, 1);
            say(summary, text);
            picture.setAttribute('aria-label', `${title}: ${text}`);
            counts.forEach((count, i) => {
                const {words, tip, rect} = columns[i];
                const tall = count > 0 ? Math.max(height * count / most, 1) : 0;
                rect.setAttribute('y', height - tall);
                rect.setAttribute('height', tall);
                say(tip, `${words}: ${number(count)}`);
            });
        },
    };
}
