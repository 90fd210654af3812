"""What browser tests share: how Chromium is started, and the rules that axe checks."""

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# Chromium says `navigator.webdriver` when it is driven; a person's browser does not.
AS_A_PERSON = "--disable-blink-features=AutomationControlled"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
