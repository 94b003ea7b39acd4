// Canonical units -> what a person reads. SI prefixes are chosen once per column, never per cell.

/** @typedef {{symbol: string, factor: number, digits?: number}} Display */

/** @type {Record<string, Display[]>} canonical unit -> displays by rising size */
const FAMILIES = {
  W: [{ symbol: 'W', factor: 1 }, { symbol: 'kW', factor: 1e-3 }, { symbol: 'MW', factor: 1e-6 }],
  Wh: [{ symbol: 'Wh', factor: 1 }, { symbol: 'kWh', factor: 1e-3 }, { symbol: 'MWh', factor: 1e-6 }, { symbol: 'GWh', factor: 1e-9 }],
  VA: [{ symbol: 'VA', factor: 1 }, { symbol: 'kVA', factor: 1e-3 }, { symbol: 'MVA', factor: 1e-6 }],
  VAh: [{ symbol: 'VAh', factor: 1 }, { symbol: 'kVAh', factor: 1e-3 }],
  var: [{ symbol: 'var', factor: 1 }, { symbol: 'kvar', factor: 1e-3 }, { symbol: 'Mvar', factor: 1e-6 }],
  varh: [{ symbol: 'varh', factor: 1 }, { symbol: 'kvarh', factor: 1e-3 }],
  V: [{ symbol: 'V', factor: 1 }, { symbol: 'kV', factor: 1e-3 }],
  A: [{ symbol: 'A', factor: 1 }, { symbol: 'kA', factor: 1e-3 }],
  Hz: [{ symbol: 'Hz', factor: 1 }],
  degC: [{ symbol: '°C', factor: 1, digits: 1 }],
  K_diff: [{ symbol: 'K', factor: 1, digits: 1 }],
  Pa: [{ symbol: 'Pa', factor: 1 }, { symbol: 'kPa', factor: 1e-3 }, { symbol: 'MPa', factor: 1e-6 }],
  m3: [{ symbol: 'L', factor: 1e3 }, { symbol: 'm³', factor: 1 }],
  'm3/s': [{ symbol: 'L/h', factor: 3.6e6 }, { symbol: 'm³/h', factor: 3600 }],
  m: [{ symbol: 'm', factor: 1 }, { symbol: 'km', factor: 1e-3 }],
  'm/s': [{ symbol: 'km/h', factor: 3.6, digits: 0 }],
  kg: [{ symbol: 'kg', factor: 1 }, { symbol: 't', factor: 1e-3 }],
  s: [{ symbol: 's', factor: 1 }, { symbol: 'min', factor: 1 / 60 }, { symbol: 'h', factor: 1 / 3600 }],
  ratio: [{ symbol: '%', factor: 100 }],
  deg: [{ symbol: '°', factor: 1, digits: 5 }],
  ppm: [{ symbol: 'ppm', factor: 1, digits: 0 }],
  lx: [{ symbol: 'lx', factor: 1, digits: 0 }],
  'ug/m3': [{ symbol: 'µg/m³', factor: 1 }],
  'W/m2': [{ symbol: 'W/m²', factor: 1, digits: 0 }],
  dBm: [{ symbol: 'dBm', factor: 1, digits: 0 }],
  1: [{ symbol: '', factor: 1 }],
};

/** Metrics whose customary unit is not the one that the prefix rule would pick. @type {Record<string, Display>} */
const CUSTOMARY = {
  engine_speed: { symbol: 'rpm', factor: 60, digits: 0 },
  heading: { symbol: '°', factor: 1, digits: 0 },
  fuel: { symbol: 'L', factor: 1e3, digits: 1 },
  fuel_used: { symbol: 'L', factor: 1e3, digits: 1 },
  fuel_rate: { symbol: 'L/h', factor: 3.6e6, digits: 1 },
  tyre_pressure: { symbol: 'kPa', factor: 1e-3, digits: 0 },
  odometer: { symbol: 'km', factor: 1e-3, digits: 1 },
  power_factor: { symbol: '', factor: 1, digits: 3 },
  water: { symbol: 'm³', factor: 1 },
  gas: { symbol: 'm³', factor: 1 },
  flow: { symbol: 'm³/h', factor: 3600 },
  runtime: { symbol: 'h', factor: 1 / 3600, digits: 1 },
  engine_hours: { symbol: 'h', factor: 1 / 3600, digits: 1 },
  altitude: { symbol: 'm', factor: 1, digits: 0 },
  co2: { symbol: 'ppm', factor: 1, digits: 0 },
};

/**
 * The display of a unit for a column or chart whose largest absolute value is `max` (canonical).
 * @param {string} unit canonical @param {number} max @param {string} [metric] @returns {Display}
 */
export function displayOf(unit, max, metric = '') {
  if (metric in CUSTOMARY) return CUSTOMARY[metric];
  const family = FAMILIES[unit];
  if (!family) return { symbol: unit === '1' ? '' : unit, factor: 1 };
  let best = family[0];
  for (const display of family) if (Math.abs(max) * display.factor >= 1) best = display;
  return best;
}

/** The rate of a register: unit and factor from (register unit a second). @type {Record<string, {unit: string, factor: number}>} */
export const RATES = { Wh: { unit: 'W', factor: 3600 }, VAh: { unit: 'VA', factor: 3600 }, varh: { unit: 'var', factor: 3600 }, m3: { unit: 'm3/s', factor: 1 } };

/** A register is shown as it stands on the meter: in thousands of the unit where that is custom. @param {string} unit @param {string} [metric] @returns {Display} */
export const registerOf = (unit, metric = '') => (metric in CUSTOMARY ? CUSTOMARY[metric] : unit in REGISTERS ? REGISTERS[unit] : displayOf(unit, 0, metric));
const REGISTERS = { Wh: { symbol: 'kWh', factor: 1e-3 }, VAh: { symbol: 'kVAh', factor: 1e-3 }, varh: { symbol: 'kvarh', factor: 1e-3 } };

/** @param {number} value canonical @param {Display} display */
export const shown = (value, display) => value * display.factor;

/** Decimals that keep three significant digits, unless the unit fixes them. @param {number} value displayed */
export function decimals(value, display = /** @type {Display} */ ({ symbol: '', factor: 1 })) {
  if (display.digits !== undefined) return display.digits;
  const size = Math.abs(value);
  if (size >= 100 || size === 0) return 0;
  return size >= 10 ? 1 : 2;
}
