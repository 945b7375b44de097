// The page's scripts: everything readable is there without them; they add what moves.
import { followTheme } from "./theme.js";
import { followTimeZone } from "./timezone.js";
import { catchLinks } from "./airflow.js";
import { count } from "./countdown.js";
import { refreshEveryMinute, refresh } from "./refresh.js";
import { fillLazily } from "./parts.js";
import { drawCharts, redrawCharts } from "./charts.js";

followTheme(redrawCharts);
catchLinks();
count();
drawCharts(document);
fillLazily(document);
// The server writes times in the zone of a cookie: when Airflow's zone is another, the page is asked for once more.
if (followTimeZone(refresh)) refresh();
refreshEveryMinute();
