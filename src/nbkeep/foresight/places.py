"""What a path or an address means to whoever would run it: values in, words out."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from .values import DANGEROUS, NOTABLE, ORDINARY

_LONG = 2_000
# Where keys and passwords lie: what reads one of these wants them.
_CREDENTIALS = re.compile(
    r"(?:^|[/\\~])(?:\.ssh|\.aws|\.azure|\.gnupg|\.kube|\.docker/config\.json|\.config/gcloud|\.netrc|_netrc"
    r"|\.pgpass|\.my\.cnf"
    r"|\.git-credentials|\.pypirc|\.npmrc|\.boto|\.s3cfg|\.databrickscfg|\.snowsql|\.vault-token"
    r"|\.huggingface/token|\.cache/huggingface/token|\.kaggle/kaggle\.json|\.config/gh/hosts\.yml"
    r"|\.password-store"
    r"|\.mozilla/firefox|\.config/(?:google-chrome|chromium)|\.electrum|\.bitcoin|\.ethereum)"
    r"(?:$|[/\\\"'\s;|&)])"
    r"|/etc/(?:shadow|sudoers|gshadow)\b|\bid_(?:rsa|dsa|ecdsa|ed25519)\b"
    r"|/proc/(?:self|\d+|\*|1)/(?:environ|mem|maps)\b|\.(?:bash|zsh|python|psql|mysql)_history\b"
    r"|application_default_credentials\.json|/var/run/(?:secrets|docker\.sock)|/run/secrets\b|Login Data\b"
    r"|wallet\.dat",
    re.IGNORECASE,
)
# What is run later, by somebody who runs something else.
_PERSISTENT = re.compile(
    r"(?:^|[/\\~])\.(?:bashrc|bash_profile|bash_login|bash_logout|profile|zshrc|zshenv|zprofile|Rprofile"
    r"|Renviron|xinitrc|xprofile|condarc|pdbrc)\b"
    r"|\.ipython/(?:profile_|extensions|nbextensions)|ipython_(?:kernel_)?config\.py|\.ipython\b.*startup"
    r"|\.jupyter/|jupyter_(?:\w+_)?config\.(?:py|json)|\.local/share/jupyter|share/jupyter/kernels"
    r"|(?:^|/)(?:site|user)customize\.py|\.pth\b|\.config/(?:autostart|systemd|fish|pip)|\.pip/pip\.conf"
    r"|/etc/(?:cron|init|profile|rc\.|systemd|ld\.so)"
    r"|crontab\b|authorized_keys\b|\.git/hooks/|\.gitconfig\b|LaunchAgents|\.vscode/|/etc/passwd\b"
    r"|/etc/hosts\b",
    re.IGNORECASE,
)
_SYSTEM = re.compile(r"^/(?:etc|usr|bin|sbin|lib|lib64|boot|sys|dev|root|var|proc|opt)(?:/|$)")
_URL = re.compile(
    r"\b(?:https?|ftps?|wss?|s3|gs|abfss?|hdfs|sftp|git\+https?)://[^\s\"'<>`\\)\]}]{1,400}", re.IGNORECASE
)
# Where people are sent things that nobody else should see: drop boxes, tunnels, bots, pastes.
_DROPS = (
    "webhook.site", "requestbin", "pipedream.net", "ngrok.io", "ngrok-free.app", "ngrok.app", "ngrok.com",
    "trycloudflare.com", "loca.lt", "localhost.run", "serveo.net", "burpcollaborator.net", "oastify.com",
    "oast.", "interact.sh", "dnslog.cn", "canarytokens", "transfer.sh", "file.io", "0x0.st", "termbin.com",
    "anonfiles", "gofile.io", "catbox.moe", "pastebin.com", "paste.ee", "hastebin", "ghostbin",
    "rentry.co", "bashupload.com", "api.telegram.org", "discord.com/api/webhooks",
    "discordapp.com/api/webhooks", ".onion", "hooks.slack.com", "requestcatcher.com", "beeceptor.com",
    "mockbin.org", "ix.io", "sprunge.us",
)  # fmt: skip
_METADATA = (
    "169.254.169.254",
    "metadata.google.internal",
    "169.254.170.2",
    "100.100.100.200",
    "fd00:ec2::254",
)
# Folders that are there to be worked in.
_FOR_WORK = (
    "/tmp", "/content", "/kaggle", "/mnt", "/data", "/dbfs", "/workspace", "/dev/null",  # noqa: S108  only compared with, never opened
)  # fmt: skip
_SHORTENERS = ("bit.ly", "tinyurl.com", "t.co", "is.gd", "cutt.ly", "rb.gy", "goo.gl")
_SECRET_NAME = re.compile(
    r"(?:TOKEN|SECRET|PASSW|PASSPHRASE|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIAL|_KEY$|_PWD$"
    r"|DATABASE_URL|_DSN$)",
    re.IGNORECASE,
)
_STEERING = re.compile(
    r"^(?:LD_PRELOAD|LD_LIBRARY_PATH|LD_AUDIT|DYLD_INSERT_LIBRARIES|PYTHONSTARTUP"
    r"|PYTHONPATH|PYTHONHOME|PYTHONINSPECT|BASH_ENV|ENV|PROMPT_COMMAND|GIT_SSH(?:_COMMAND)?"
    r"|PIP_(?:EXTRA_)?INDEX_URL"
    r"|R_PROFILE(?:_USER)?|JUPYTER_CONFIG_DIR|IPYTHONDIR)$"
)

# Folders where things are looked for: honest work sets them, for CUDA or for a source tree.
_SEARCHED = frozenset({"PYTHONPATH", "LD_LIBRARY_PATH"})


def names_credentials(text: str) -> str:
    """Return the place of keys or passwords that a text names, or "".

    >>> names_credentials("~/.ssh/id_rsa"), names_credentials("my.aws.csv")
    ('~/.ssh/id_rsa', '')
    """
    if len(text) > _LONG and not any(one in text for one in (".", "/etc/", "id_", "/run/", "/proc/", "Data")):
        return ""
    return _around(text, _CREDENTIALS)


def names_persistence(text: str) -> str:
    """Return the file that is run later which a text names, or "".

    >>> names_persistence("/home/a/.bashrc"), names_persistence("model.pth")
    ('/home/a/.bashrc', '')
    """
    if len(text) > _LONG and not any(
        one in text for one in (".", "/etc/", "crontab", "authorized_keys", "Launch", "jupyter")
    ):
        return ""
    found = _around(text, _PERSISTENT)
    # Models of torch are called .pth, too; what Python runs at its start lies among its packages.
    if found.lower().endswith(".pth") and not re.search(
        r"(?:site|dist)-packages|site\.", text, re.IGNORECASE
    ):
        return ""
    return found


def _around(text: str, pattern: re.Pattern[str]) -> str:
    if len(text) > 20_000:
        text = text[:20_000]
    found = pattern.search(text)
    if found is None:
        return ""
    begin = max(text.rfind(one, 0, found.start() + 1) for one in " \n\t\"'=<>(|;&,") + 1
    end = min(
        (at for at in (text.find(one, found.end() - 1) for one in " \n\t\"'<>)|;&,") if at >= 0),
        default=len(text),
    )
    return text[begin : max(end, found.end())].strip("\"' ")[:200]


def weight_of_path(path: str, *, writes: bool) -> tuple[str, str, str]:
    """Return the kind, the weight and a word about a path: "", or why it is not ordinary.

    >>> weight_of_path("data/train.csv", writes=False)
    ('files', 'ordinary', '')
    >>> weight_of_path("../other/x.csv", writes=True)
    ('files', 'notable', 'outside of its folder')
    """
    if names_credentials(path):
        return "credentials", DANGEROUS, "where keys and passwords lie"
    if writes and names_persistence(path):
        return "persistence", DANGEROUS, "which is run later, by itself"
    if is_address(path):
        return "network", NOTABLE if writes else weight_of_address(path)[0], weight_of_address(path)[1]
    if _SYSTEM.match(path) and not path.startswith("/dev/null"):
        return "files", DANGEROUS if writes else NOTABLE, "of the system"
    if path.startswith(_FOR_WORK):
        return "files", ORDINARY, ""
    if (
        ".." in path.replace("\\", "/").split("/")
        or path.startswith(("/", "~", "\\\\"))
        or re.match(r"[A-Za-z]:[\\/]", path)
    ):
        return "files", NOTABLE, "outside of its folder"
    return "files", ORDINARY, ""


def is_address(text: str) -> bool:
    """Tell whether a text is an address of something that lies elsewhere."""
    return _URL.match(text) is not None


def addresses_in(text: str) -> list[str]:
    """Return the addresses that stand in a text, the first hundred."""
    return (
        []
        if "://" not in text
        else [found[0].rstrip(".,;:") for found in _URL.finditer(text[:200_000])][:100]
    )


def host_of(address: str) -> str:
    """Return the host of an address, or what stands for it.

    >>> host_of("https://user:x@api.example.org:8443/v1?k=2")
    'api.example.org'
    """
    try:
        return urlsplit(address).hostname or address[:80]
    except ValueError:
        return address[:80]


def weight_of_address(address: str) -> tuple[str, str]:
    """Return the weight of reaching an address, and a word about it: "", or why it is not ordinary.

    >>> weight_of_address("https://example.org/x.csv"), weight_of_address("http://1.2.3.4:99/x")
    (('ordinary', ''), ('notable', 'a bare number for a host'))
    """
    lower, host = address.lower(), host_of(address)
    if any(one in lower for one in _METADATA):
        return DANGEROUS, "where a cloud gives its machines their keys"
    if any(one in lower for one in _DROPS):
        return DANGEROUS, "a place to drop or to fetch things unseen"
    if host in _SHORTENERS:
        return NOTABLE, "which hides where it leads to"
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        return ORDINARY, ""
    return (ORDINARY, "") if number.is_loopback else (NOTABLE, "a bare number for a host")


def is_secret_name(name: str) -> bool:
    """Tell whether a variable of the environment is called like one that holds a secret.

    >>> is_secret_name("AWS_SECRET_ACCESS_KEY"), is_secret_name("HOME")
    (True, False)
    """
    return _SECRET_NAME.search(name) is not None


def weight_of_variable(name: str) -> tuple[str, str, str] | None:
    """Return kind, weight and words of setting a variable that steers programs; None for any other one.

    >>> weight_of_variable("PYTHONPATH")[1], weight_of_variable("LD_PRELOAD")[1], weight_of_variable("LANG")
    ('notable', 'dangerous', None)
    """
    if _STEERING.match(name) is None:
        return None
    kind = "native" if name.startswith(("LD_", "DYLD_")) else "persistence"
    if name in _SEARCHED:
        return kind, NOTABLE, f"sets {name}: the folders where programs find what they load"
    return kind, DANGEROUS, f"sets {name}, which makes other programs load something"
