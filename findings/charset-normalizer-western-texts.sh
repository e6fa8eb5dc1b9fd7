#!/usr/bin/env bash
# charset-normalizer 3.5.3, Python 3.11
#
# Guess: a few sentences of French, Portuguese or Swedish in cp1252 are recognized as cp1252, or as latin-1 or another
#   encoding in which they read the same; the more text, the surer.
# Seen: they are decoded as cp1250, the Central European one: "Oů sont", "Năo sei", "Gĺr det". Thirty times as much of
#   the text, 11 KB, does not change it. Spanish is recognized.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check charset-normalizer==3.5.3
cat > "$folder/look.py" <<'PYTHON'
import sys

from charset_normalizer import from_bytes

TEXTS = {
    "French": """Où sont passés les élèves ?
Le château était fermé depuis des années.
Ça ne m'étonne guère, dit-elle à sa sœur.
Nous irons là-bas après l'été, peut-être à Noël.
La forêt s'étend jusqu'à la mer ; les bêtes y dorment.
Il a reçu une lettre de son frère aîné.
Quelle drôle d'idée !
Le garçon mange un gâteau près de la fenêtre.
Elle préfère le thé au café, même le matin.
""",
    "Portuguese": """Não sei o que aconteceu com a minha irmã.
A criança está à espera do pão.
Você já comeu maçãs?
Então vamos lá, amanhã é feriado.
As estações são três.
""",
    "Swedish": """Går det bra att jag kommer på måndag?
Älven är djup och kall.
Hon åt ett äpple på ön.
Det är första gången vi ses här.
Flygplatsen ligger långt bort.
""",
    "Spanish": """¿Dónde está la estación?
El niño comió una manzana roja.
Mañana iré al médico con mi señora.
¡Qué día más frío!
La canción se llamaba así.
También había pingüinos.
""",
}
same = True
for language, text in TEXTS.items():
    for times in (1, 30):
        data = (text * times).encode("cp1252")
        best = from_bytes(data).best()
        line = str(best).splitlines()[0]
        print(f"{language}, {len(data)} bytes: {best.encoding}, {line!r}")
        same = same and (line == text.splitlines()[0]) == (language == "Spanish")
sys.exit(not same)
PYTHON
"$folder/venv/bin/python" "$folder/look.py"
