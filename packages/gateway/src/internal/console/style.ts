/** The one style sheet of the console. */

const colours = `:root{color-scheme:light dark;--paper:#fbfbfa;--card:#fff;--ink:#1c1f23;--quiet:#565d66;--line:#d9dce0;
--accent:#0b5cad;--on-accent:#fff;--good:#1a6b3c;--good-paper:#e6f4ea;--warn:#7a4b00;--warn-paper:#fdf1dc;--bad:#a3211b;
--bad-paper:#fdecea;--plain-paper:#eceef0;--focus:#0b5cad}
@media (prefers-color-scheme:dark){:root{--paper:#15181c;--card:#1d2127;--ink:#e8eaed;--quiet:#a8b0ba;--line:#3a414b;
--accent:#7fb8f5;--on-accent:#0d1b2a;--good:#86d9a5;--good-paper:#16321f;--warn:#f3c572;--warn-paper:#3a2c10;--bad:#ff9d94;
--bad-paper:#43191a;--plain-paper:#2b3139;--focus:#9fcbff}}
`

const ground = `*,*::before,*::after{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,sans-serif}
a{color:var(--accent);text-underline-offset:.18em}
:focus-visible{outline:3px solid var(--focus);outline-offset:2px;border-radius:3px}
main:focus{outline:none}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .35rem;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:2rem 0 .6rem}
p{margin:.5rem 0 1rem}
code,.mono{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace;font-size:.875em;
overflow-wrap:anywhere}
.quiet{color:var(--quiet)}
.small{font-size:.875rem}
.lead{color:var(--quiet);margin:0 0 1.25rem;max-width:46rem}
.skip{position:absolute;left:-99rem;top:.5rem;background:var(--card);padding:.5rem 1rem;z-index:1}
.skip:focus{left:.5rem}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
[hidden]{display:none!important}
`

const frame = `header{background:var(--card);border-bottom:1px solid var(--line)}
.bar{max-width:80rem;margin:0 auto;padding:.6rem 1.25rem;display:flex;flex-wrap:wrap;align-items:center;gap:.5rem 1.5rem}
.brand{font-weight:650;color:var(--ink);text-decoration:none;font-size:1.05rem;display:inline-flex;gap:.5rem;
align-items:center;padding:.3rem 0}
.brand img{width:1.3rem;height:1.3rem}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;margin:0;padding:0}
nav a{display:inline-block;padding:.3rem 0;text-decoration:none;color:var(--ink)}
nav a:hover{text-decoration:underline}
nav a[aria-current]{font-weight:600;box-shadow:0 2px 0 var(--accent)}
.who{margin-left:auto;display:flex;align-items:center;gap:.9rem;font-size:.875rem;color:var(--quiet);min-width:0}
.who span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;max-width:16rem}
main{max-width:80rem;margin:0 auto;padding:1.75rem 1.25rem 2.5rem}
footer{max-width:80rem;margin:0 auto;padding:0 1.25rem 2rem}
.narrow{max-width:34rem}
.head{margin:0 0 .75rem;display:flex;flex-wrap:wrap;gap:.75rem 1.5rem;align-items:flex-start;justify-content:space-between}
`

const controls = `label,legend{display:block;font-weight:600;margin-bottom:.25rem}
.field{margin:0 0 1.15rem}
fieldset{border:0;margin:0 0 1.15rem;padding:0;min-width:0}
legend{padding:0}
fieldset .field{margin:.5rem 0 0}
fieldset label{font-weight:400}
.hint{display:block;color:var(--quiet);font-size:.875rem;margin:0 0 .35rem}
.wrong{display:block;color:var(--bad);font-size:.875rem;font-weight:600;margin:0 0 .35rem}
input,select,textarea{font:inherit;color:inherit;background:var(--card);border:1px solid var(--quiet);border-radius:6px;
padding:.5rem .65rem;width:100%;min-height:2.6rem}
input[type=checkbox],input[type=radio]{width:1.15rem;min-height:0;height:1.15rem;padding:0;vertical-align:-.2rem;margin-right:.4rem}
[aria-invalid=true]{border-color:var(--bad);border-width:2px}
button,.button{font:inherit;font-weight:600;display:inline-block;border:1px solid var(--accent);border-radius:6px;
padding:.5rem 1rem;min-height:2.6rem;background:var(--accent);color:var(--on-accent);text-decoration:none;cursor:pointer}
button:hover,.button:hover{filter:brightness(1.08)}
.second{background:transparent;color:var(--accent)}
.danger{background:var(--bad);border-color:var(--bad);color:var(--paper)}
.plain{border:0;background:none;color:var(--accent);padding:.3rem 0;min-height:0;font-weight:400;text-decoration:underline;
text-underline-offset:.18em}
.row{display:flex;flex-wrap:wrap;gap:.75rem;align-items:center}
.filters{display:flex;flex-wrap:wrap;gap:.75rem 1rem;align-items:flex-end;margin:0 0 1.25rem}
.filters .field{margin:0;flex:1 1 12rem;max-width:18rem}
`

const content = `.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1.25rem;margin:0 0 1.25rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,17rem),1fr));gap:1rem;list-style:none;
margin:0 0 1.5rem;padding:0}
.tiles .card{margin:0;height:100%}
.tiles a{font-weight:600;font-size:1.1rem;overflow-wrap:anywhere}
.tiles p{margin:.35rem 0 0}
.note{border-left:4px solid var(--line);background:var(--plain-paper);padding:.7rem 1rem;border-radius:0 8px 8px 0;
margin:0 0 1.25rem;overflow-wrap:anywhere}
.note p{margin:.2rem 0}
.note h2{margin:0 0 .25rem;font-size:1rem}
.note.good{border-color:var(--good);background:var(--good-paper)}
.note.warn{border-color:var(--warn);background:var(--warn-paper)}
.note.bad{border-color:var(--bad);background:var(--bad-paper)}
.badge{display:inline-block;padding:.05rem .55rem;border-radius:1rem;font-size:.8125rem;font-weight:600;
background:var(--plain-paper);color:var(--ink);white-space:nowrap}
.badge.good{background:var(--good-paper);color:var(--good)}
.badge.warn{background:var(--warn-paper);color:var(--warn)}
.badge.bad{background:var(--bad-paper);color:var(--bad)}
.secret{display:flex;gap:.6rem;flex-wrap:wrap;margin:.75rem 0}
.secret input{flex:1 1 16rem;font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.95rem}
dl{display:grid;grid-template-columns:minmax(8rem,12rem) 1fr;gap:.55rem 1.25rem;margin:0}
dt{color:var(--quiet)}
dd{margin:0;overflow-wrap:anywhere}
.steps{list-style:none;margin:0;padding:0}
.steps li{padding:.3rem 0 .3rem 1.6rem;position:relative}
.steps li::before{content:"";position:absolute;left:.15rem;top:.75rem;width:.7rem;height:.7rem;border-radius:50%;
border:2px solid var(--quiet)}
.steps .past::before{background:var(--good);border-color:var(--good)}
.steps .now{font-weight:600}
.steps .now::before{border-color:var(--accent);background:var(--accent);box-shadow:0 0 0 3px var(--plain-paper)}
.plainlist{margin:0;padding:0;list-style:none}
.plainlist li+li{margin-top:.3rem}
`

const tables = `.sheet{background:var(--card);border:1px solid var(--line);border-radius:10px;overflow:hidden;margin:0 0 1rem}
table{border-collapse:collapse;width:100%;font-size:.9375rem}
time{white-space:nowrap}
caption{text-align:left;padding:.75rem .75rem 0;color:var(--quiet);font-size:.875rem}
th,td{text-align:left;padding:.65rem .75rem;vertical-align:top;border-bottom:1px solid var(--line)}
tbody th,tbody td{overflow-wrap:anywhere}
tbody th{min-width:11rem}
td[data-label=Owner]>div{width:max-content;max-width:13rem;overflow-wrap:break-word}
thead th{white-space:nowrap}
thead th{font-size:.8125rem;color:var(--quiet);font-weight:600}
tbody th{font-weight:600}
tbody tr:last-child>*{border-bottom:0}
td .row{gap:.2rem .9rem}
.id{display:block;color:var(--quiet);font-weight:400;font-size:.8125rem}
@media (max-width:60rem){
table,thead,tbody,tr,th,td,caption{display:block}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
tbody tr{padding:.85rem 1rem;border-bottom:1px solid var(--line)}
tbody tr:last-child{border-bottom:0}
tbody th,tbody td{border:0;padding:.2rem 0}
tbody th{font-size:1.05rem;padding-bottom:.35rem}
td[data-label=Owner]>div{width:auto;max-width:none;overflow-wrap:anywhere}
tbody td{display:grid;grid-template-columns:7rem 1fr;gap:.75rem}
tbody td::before{content:attr(data-label);color:var(--quiet);font-size:.875rem}
}
@media (max-width:34rem){
main{padding-top:1.25rem}
dl{grid-template-columns:1fr;gap:.1rem}
dd{margin-bottom:.75rem}
.who{margin-left:0;width:100%;justify-content:space-between}
.filters .field{max-width:none}
}
@media (prefers-reduced-motion:no-preference){button,.button{transition:filter .12s}}
@media print{header,.skip,form{display:none}}
`

/** The style sheet. */
export const style = colours + ground + frame + controls + content + tables

/** A key, folded, as the mark of the console. */
export const icon =
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b5cad"/>` +
  `<g fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round" stroke-linejoin="round">` +
  `<circle cx="11.5" cy="11.5" r="4.5"/><path d="M15 15l10 10M21 21l3-3M17.500 17.500l2.500-2.500"/></g></svg>`
