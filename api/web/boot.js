// Sets theme and language before the first paint, so that nothing flashes. A classic script: modules run too late.
(function () {
  var asked = new URLSearchParams(location.search);
  var stored = {};
  try {
    stored = JSON.parse(localStorage.getItem('steward.settings') || '{}') || {};
  } catch {
    stored = {};
  }
  var theme = asked.get('theme') || stored.theme || 'system';
  var dark = theme === 'dark' || (theme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  var language = asked.get('lang') || stored.language || navigator.language || 'en';
  document.documentElement.lang = language.slice(0, 2) === 'zh' ? 'zh-CN' : 'en';
})();
