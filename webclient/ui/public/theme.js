// Runs before the first paint, so that a chosen theme does not flash; the content security policy forbids it inline.
(function () {
  try {
    var theme = localStorage.getItem("daytrade.theme");
    if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
  } catch (error) {
    // A browser that keeps nothing for us: the system's choice stands.
  }
})();
