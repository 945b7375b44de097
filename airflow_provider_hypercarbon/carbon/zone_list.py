"""Every zone key that a source of ours knows: facts in one text each, read when they are first asked for."""

from __future__ import annotations

#: Zone keys of Electricity Maps as of 2026-08-21: key, country, name, and "m" where no live production data exist,
#: so that the curve is a model's output. A zone that is the sum of others has live data when they have.
ELECTRICITY_MAPS = """
AD|Andorra|Andorra|m
AE|United Arab Emirates|United Arab Emirates|m
AF|Afghanistan|Afghanistan|m
AG|Antigua and Barbuda|Antigua and Barbuda|m
AL|Albania|Albania|m
AM|Armenia|Armenia|m
AO|Angola|Angola|m
AR|Argentina|Argentina
AT|Austria|Austria
AU|Australia|Australia
AU-LH|Australia|Lord Howe Island|m
AU-NSW|Australia|New South Wales
AU-NT|Australia|Northern Territory
AU-QLD|Australia|Queensland
AU-SA|Australia|South Australia
AU-TAS|Australia|Tasmania
AU-TAS-CBI|Australia|Cape Barren Island|m
AU-TAS-FI|Australia|Flinders Island
AU-TAS-KI|Australia|King Island
AU-VIC|Australia|Victoria
AU-WA|Australia|Western Australia
AU-WA-RI|Australia|Rottnest Island
AW|Aruba|Aruba
AX|Åland Islands|Åland Islands
AZ|Azerbaijan|Azerbaijan|m
BA|Bosnia and Herzegovina|Bosnia and Herzegovina
BB|Barbados|Barbados|m
BD|Bangladesh|Bangladesh
BE|Belgium|Belgium
BF|Burkina Faso|Burkina Faso|m
BG|Bulgaria|Bulgaria
BH|Bahrain|Bahrain|m
BI|Burundi|Burundi|m
BJ|Benin|Benin|m
BM|Bermuda|Bermuda|m
BN|Brunei|Brunei|m
BO|Bolivia|Bolivia
BR|Brazil|Brazil
BR-CS|Brazil|Central Brazil
BR-N|Brazil|North Brazil
BR-NE|Brazil|North-East Brazil
BR-S|Brazil|South Brazil
BS|Bahamas|Bahamas|m
BT|Bhutan|Bhutan|m
BW|Botswana|Botswana|m
BY|Belarus|Belarus
BZ|Belize|Belize|m
CA|Canada|Canada
CA-AB|Canada|Alberta
CA-BC|Canada|British Columbia|m
CA-MB|Canada|Manitoba|m
CA-NB|Canada|New Brunswick|m
CA-NL|Canada|Newfoundland and Labrador|m
CA-NS|Canada|Nova Scotia|m
CA-NT|Canada|Northwest Territories|m
CA-NU|Canada|Nunavut|m
CA-ON|Canada|Ontario
CA-PE|Canada|Prince Edward Island|m
CA-QC|Canada|Québec
CA-SK|Canada|Saskatchewan|m
CA-YT|Canada|Yukon
CD|Democratic Republic of the Congo|Democratic Republic of the Congo|m
CF|Central African Republic|Central African Republic|m
CG|Congo|Congo|m
CH|Switzerland|Switzerland
CI|Ivory Coast|Ivory Coast|m
CL-CHP|Chile|Easter Island|m
CL-SEA|Chile|Sistema Eléctrico de Aysén|m
CL-SEM|Chile|Sistema Eléctrico de Magallanes|m
CL-SEN|Chile|Sistema Eléctrico Nacional
CM|Cameroon|Cameroon|m
CN|China|China|m
CO|Colombia|Colombia
CR|Costa Rica|Costa Rica
CU|Cuba|Cuba|m
CV|Cabo Verde|Cabo Verde|m
CW|Curaçao|Curaçao|m
CY|Cyprus|Cyprus
CZ|Czechia|Czechia
DE|Germany|Germany
DJ|Djibouti|Djibouti|m
DK|Denmark|Denmark
DK-DK1|Denmark|West Denmark
DK-DK2|Denmark|East Denmark
DM|Dominica|Dominica|m
DO|Dominican Republic|Dominican Republic
DZ|Algeria|Algeria|m
EC|Ecuador|Ecuador
EE|Estonia|Estonia
EG|Egypt|Egypt|m
EH|Western Sahara|Western Sahara|m
ER|Eritrea|Eritrea|m
ES|Spain|Spain
ES-CE|Spain|Ceuta
ES-CN-FV|Spain|Fuerteventura
ES-CN-GC|Spain|Gran Canaria
ES-CN-HI|Spain|El Hierro
ES-CN-IG|Spain|Isla de la Gomera
ES-CN-LP|Spain|La Palma
ES-CN-LZ|Spain|Lanzarote
ES-CN-TE|Spain|Tenerife
ES-IB-FO|Spain|Formentera
ES-IB-IZ|Spain|Ibiza
ES-IB-MA|Spain|Mallorca
ES-IB-ME|Spain|Menorca
ES-ML|Spain|Melilla
ET|Ethiopia|Ethiopia|m
FI|Finland|Finland
FJ|Fiji|Fiji|m
FK|Falkland Islands|Falkland Islands|m
FM|Micronesia|Micronesia|m
FO|Faroe Islands|Faroe Islands
FO-MI|Faroe Islands|Main Islands
FO-SI|Faroe Islands|South Island
FR|France|France
FR-COR|France|Corsica
GA|Gabon|Gabon|m
GB|Great Britain|Great Britain
GB-NIR|Northern Ireland|Northern Ireland
GB-ZET|Great Britain|Shetland Islands|m
GE|Georgia|Georgia
GF|French Guiana|French Guiana
GG|Guernsey|Guernsey|m
GH|Ghana|Ghana|m
GI|Gibraltar|Gibraltar|m
GL|Greenland|Greenland|m
GM|Gambia|Gambia|m
GN|Guinea|Guinea|m
GP|Guadeloupe|Guadeloupe
GQ|Equatorial Guinea|Equatorial Guinea|m
GR|Greece|Greece
GS|South Georgia and the South Sandwich Islands|South Georgia and the South Sandwich Islands|m
GT|Guatemala|Guatemala
GU|Guam|Guam|m
GW|Guinea-Bissau|Guinea-Bissau|m
GY|Guyana|Guyana|m
HK|Hong Kong|Hong Kong|m
HM|Heard Island and McDonald Islands|Heard Island and McDonald Islands|m
HN|Honduras|Honduras
HR|Croatia|Croatia
HT|Haiti|Haiti|m
HU|Hungary|Hungary
ID|Indonesia|Indonesia|m
IE|Ireland|Ireland
IL|Israel|Israel|m
IM|Isle of Man|Isle of Man|m
IN|India|Mainland India
IN-AN|India|Andaman and Nicobar Islands|m
IN-EA|India|Eastern India
IN-NE|India|North Eastern India
IN-NO|India|Northern India
IN-SO|India|Southern India
IN-WE|India|Western India
IQ|Iraq|Iraq|m
IR|Iran|Iran|m
IS|Iceland|Iceland
IT|Italy|Italy
IT-CNO|Italy|Central North Italy
IT-CSO|Italy|Central South Italy
IT-NO|Italy|North Italy
IT-SAR|Italy|Sardinia
IT-SIC|Italy|Sicily
IT-SO|Italy|South Italy
JE|Jersey|Jersey|m
JM|Jamaica|Jamaica|m
JO|Jordan|Jordan|m
JP|Japan|Japan
JP-CB|Japan|Chūbu
JP-CG|Japan|Chūgoku
JP-HKD|Japan|Hokkaidō
JP-HR|Japan|Hokuriku
JP-KN|Japan|Kansai
JP-KY|Japan|Kyūshū
JP-ON|Japan|Okinawa
JP-SK|Japan|Shikoku
JP-TH|Japan|Tōhoku
JP-TK|Japan|Tōkyō
KE|Kenya|Kenya|m
KG|Kyrgyzstan|Kyrgyzstan|m
KH|Cambodia|Cambodia|m
KM|Comoros|Comoros|m
KP|North Korea|North Korea|m
KR|South Korea|South Korea
KW|Kuwait|Kuwait|m
KY|Cayman Islands|Cayman Islands|m
KZ|Kazakhstan|Kazakhstan|m
LA|Laos|Laos|m
LB|Lebanon|Lebanon|m
LC|Saint Lucia|Saint Lucia|m
LI|Liechtenstein|Liechtenstein|m
LK|Sri Lanka|Sri Lanka
LR|Liberia|Liberia|m
LS|Lesotho|Lesotho|m
LT|Lithuania|Lithuania
LU|Luxembourg|Luxembourg
LV|Latvia|Latvia
LY|Libya|Libya|m
MA|Morocco|Morocco|m
MC|Monaco|Monaco|m
MD|Moldova|Moldova
ME|Montenegro|Montenegro
MG|Madagascar|Madagascar|m
MK|North Macedonia|North Macedonia
ML|Mali|Mali|m
MM|Myanmar|Myanmar|m
MN|Mongolia|Mongolia
MO|Macao|Macao|m
MQ|Martinique|Martinique
MR|Mauritania|Mauritania|m
MT|Malta|Malta|m
MU|Mauritius|Mauritius|m
MV|Maldives|Maldives|m
MW|Malawi|Malawi|m
MX|Mexico|Mexico
MY|Malaysia|Malaysia
MY-EM|Malaysia|Borneo|m
MY-WM|Malaysia|Peninsula
MZ|Mozambique|Mozambique|m
NA|Namibia|Namibia|m
NC|New Caledonia|New Caledonia|m
NE|Niger|Niger|m
NG|Nigeria|Nigeria
NI|Nicaragua|Nicaragua
NL|Netherlands|Netherlands
NO|Norway|Norway
NO-NO1|Norway|Eastern Norway
NO-NO2|Norway|Southern Norway
NO-NO3|Norway|Central Norway
NO-NO4|Norway|Northern Norway
NO-NO5|Norway|Western Norway
NP|Nepal|Nepal|m
NZ|New Zealand|New Zealand
NZ-NZA|New Zealand|Auckland Islands|m
NZ-NZC|New Zealand|Chatham Islands|m
NZ-NZST|New Zealand|Stewart Island|m
OM|Oman|Oman|m
PA|Panama|Panama
PE|Peru|Peru
PF|French Polynesia|French Polynesia
PG|Papua New Guinea|Papua New Guinea|m
PH|Philippines|Philippines
PH-LU|Philippines|Luzon
PH-MI|Philippines|Mindanao
PH-VI|Philippines|Visayas
PK|Pakistan|Pakistan|m
PL|Poland|Poland
PM|Saint Pierre and Miquelon|Saint Pierre and Miquelon|m
PR|Puerto Rico|Puerto Rico|m
PS|State of Palestine|State of Palestine|m
PT|Portugal|Portugal
PT-AC|Portugal|Azores|m
PT-MA|Portugal|Madeira|m
PW|Palau|Palau|m
PY|Paraguay|Paraguay|m
QA|Qatar|Qatar|m
RE|Réunion|Réunion
RO|Romania|Romania
RS|Serbia|Serbia
RU|Russia|Russia
RU-1|Russia|Europe-Ural
RU-2|Russia|Siberia
RU-AS|Russia|East
RU-EU|Russia|Arctic|m
RU-FE|Russia|Far East|m
RU-KGD|Russia|Kaliningrad|m
RW|Rwanda|Rwanda|m
SA|Saudi Arabia|Saudi Arabia|m
SB|Solomon Islands|Solomon Islands|m
SC|Seychelles|Seychelles|m
SD|Sudan|Sudan|m
SE|Sweden|Sweden
SE-SE1|Sweden|North Sweden
SE-SE2|Sweden|North Central Sweden
SE-SE3|Sweden|South Central Sweden
SE-SE4|Sweden|South Sweden
SG|Singapore|Singapore
SI|Slovenia|Slovenia
SJ|Svalbard and Jan Mayen|Svalbard and Jan Mayen|m
SK|Slovakia|Slovakia
SL|Sierra Leone|Sierra Leone|m
SN|Senegal|Senegal|m
SO|Somalia|Somalia|m
SR|Suriname|Suriname|m
SS|South Sudan|South Sudan|m
ST|São Tomé and Príncipe|São Tomé and Príncipe|m
SV|El Salvador|El Salvador
SY|Syria|Syria|m
SZ|Eswatini|Eswatini|m
TD|Chad|Chad|m
TF|French Southern Territories|French Southern Territories|m
TG|Togo|Togo|m
TH|Thailand|Thailand
TJ|Tajikistan|Tajikistan|m
TL|Timor-Leste|Timor-Leste|m
TM|Turkmenistan|Turkmenistan|m
TN|Tunisia|Tunisia|m
TO|Tonga|Tonga|m
TR|Turkey|Turkey
TT|Trinidad and Tobago|Trinidad and Tobago|m
TW|Taiwan|Taiwan
TZ|Tanzania|Tanzania|m
UA|Ukraine|Ukraine
UA-CR|Ukraine|Crimea|m
UG|Uganda|Uganda|m
US|United States|United States
US-AK|USA|Alaska|m
US-AK-SEAPA|USA|Southeast Alaska Power Agency
US-CAL-BANC|USA|Balancing Authority of Northern California
US-CAL-CISO|USA|CAISO
US-CAL-IID|USA|Imperial Irrigation District
US-CAL-LDWP|USA|Los Angeles Department of Water and Power
US-CAL-TIDC|USA|Turlock Irrigation District
US-CAR-CPLE|USA|Duke Energy Progress East
US-CAR-CPLW|USA|Duke Energy Progress West
US-CAR-DUK|USA|Duke Energy Carolinas
US-CAR-SC|USA|South Carolina Public Service Authority
US-CAR-SCEG|USA|South Carolina Electric & Gas Company
US-CAR-YAD|USA|Alcoa Power Generating, Inc. Yadkin Division
US-CENT-SPA|USA|Southwestern Power Administration
US-CENT-SWPP|USA|Southwest Power Pool
US-FLA-FMPP|USA|Florida Municipal Power Pool
US-FLA-FPC|USA|Duke Energy Florida
US-FLA-FPL|USA|Florida Power and Light Company
US-FLA-GVL|USA|Gainesville Regional Utilities
US-FLA-HST|USA|City of Homestead
US-FLA-JEA|USA|Jacksonville Electric Authority
US-FLA-SEC|USA|Seminole Electric Cooperative
US-FLA-TAL|USA|City of Tallahassee
US-FLA-TEC|USA|Tampa Electric Company
US-HI|USA|Hawaii|m
US-MIDA-PJM|USA|PJM Interconnection
US-MIDW-AECI|USA|Associated Electric Cooperative
US-MIDW-LGEE|USA|Louisville Gas and Electric Company and Kentucky Utilities
US-MIDW-MISO|USA|Midcontinent ISO
US-NE-ISNE|USA|ISO New England
US-NW-AVA|USA|Avista Corporation
US-NW-BPAT|USA|Bonneville Power Administration
US-NW-CHPD|USA|Chelan County
US-NW-DOPD|USA|Douglas County
US-NW-GCPD|USA|Grant County
US-NW-GRID|USA|Gridforce Energy Management
US-NW-IPCO|USA|Idaho Power Company
US-NW-NEVP|USA|Nevada Power Company
US-NW-NWMT|USA|Northwestern Energy
US-NW-PACE|USA|Pacificorp East
US-NW-PACW|USA|Pacificorp West
US-NW-PGE|USA|Portland General Electric Company
US-NW-PSCO|USA|Public Service Company of Colorado
US-NW-PSEI|USA|Puget Sound Energy
US-NW-SCL|USA|Seattle City Light
US-NW-TPWR|USA|City of Tacoma
US-NW-WACM|USA|Western Area Power Administration - Rocky Mountain Region
US-NW-WAUW|USA|Western Area Power Administration - Upper Great Plains West
US-NY-NYIS|USA|New York ISO
US-SE-SEPA|USA|Southeastern Power Administration
US-SE-SOCO|USA|Southern Company Services
US-SW-AZPS|USA|Arizona Public Service Company
US-SW-EPE|USA|El Paso Electric Company
US-SW-PNM|USA|Public Service Company of New Mexico
US-SW-SRP|USA|Salt River Project
US-SW-TEPC|USA|Tucson Electric Power Company
US-SW-WALC|USA|Western Area Power Administration - Desert Southwest Region
US-TEN-TVA|USA|Tennessee Valley Authority
US-TEX-ERCO|USA|Electric Reliability Council of Texas
UY|Uruguay|Uruguay
UZ|Uzbekistan|Uzbekistan|m
VC|Saint Vincent and the Grenadines|Saint Vincent and the Grenadines|m
VE|Venezuela|Venezuela|m
VI|USA|Virgin Islands|m
VN|Vietnam|Vietnam|m
VU|Vanuatu|Vanuatu|m
WS|Samoa|Samoa|m
XK|Kosovo|Kosovo
XX|Northern Cyprus|Northern Cyprus|m
YE|Yemen|Yemen|m
YT|Mayotte|Mayotte|m
ZA|South Africa|South Africa
ZM|Zambia|Zambia|m
ZW|Zimbabwe|Zimbabwe|m
"""

#: Keys that Electricity Maps took out of use, after the one to use instead ("-": there is none).
RETIRED = """
CA-NL: CA-NL-LB CA-NL-NF
ES-CN-FV: ES-CN-FVLZ
IN-SO: IN-AP IN-KA IN-KL IN-PY IN-TN
IN-NE: IN-AR IN-AS IN-ML IN-MN IN-MZ IN-NL IN-TR
IN-EA: IN-BR IN-JH IN-OR IN-SK IN-WB
IN-WE: IN-CT IN-DN IN-GA IN-GJ IN-MH IN-MP
IN-NO: IN-DL IN-HP IN-HR IN-JK IN-PB IN-RJ IN-UP IN-UT
IQ: IQ-KUR
MX: MX-BC MX-BCS MX-CE MX-NE MX-NO MX-NW MX-OC MX-OR MX-PN
-: US-FLA-NSB US-NW-AVRN US-SE-AEC US-SW-DEAA US-SW-GRMA US-SW-HGMA
US-HI: US-HI-HA US-HI-KA US-HI-KH US-HI-LA US-HI-MA US-HI-MO US-HI-NI US-HI-OA
"""

#: The regions of NESO's Carbon Intensity API: its number, a word, a name. Their keys are ours.
NESO_REGIONS = """
1|north-scotland|North Scotland
2|south-scotland|South Scotland
3|north-west-england|North West England
4|north-east-england|North East England
5|yorkshire|Yorkshire
6|north-wales-merseyside|North Wales and Merseyside
7|south-wales|South Wales
8|west-midlands|West Midlands
9|east-midlands|East Midlands
10|east-england|East England
11|south-west-england|South West England
12|south-england|South England
13|london|London
14|south-east-england|South East England
15|england|England
16|scotland|Scotland
17|wales|Wales
"""
