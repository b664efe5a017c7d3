"""What the functions do that notebooks call, by their full names: data. The longest name that fits counts.

One row each: names, kind, weight, way, words; an indented line goes on with the row above it. A name that
ends in `.*` is a module with all that is in it. The way says what the first argument is: `shell`, `argv`,
`code`, `cell`, `magic`, `read`, `write`, `delete`, `move`, `address`, `send`, `pickle`, `markup`, `script`,
`package`, `texts` (all of them code), `expression`, `template`, `r`, `bundle`, `database`, `-` for none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

_TABLE = """
os.system os.popen IPython.utils.process.system commands.getoutput platform.popen
    | shell | notable | shell | runs
subprocess.getoutput subprocess.getstatusoutput asyncio.create_subprocess_shell
    | shell | notable | shell | runs
get_ipython().system get_ipython().getoutput | shell | notable | shell | runs
subprocess.run subprocess.call subprocess.check_call subprocess.check_output subprocess.Popen
    asyncio.create_subprocess_exec pty.spawn | shell | notable | argv | runs
os.execv os.execve os.execvp os.execvpe os.execl os.execle os.execlp os.posix_spawn os.posix_spawnp
    os.startfile pexpect.spawn pexpect.run invoke.run delegator.run | shell | notable | argv | runs
os.spawnl os.spawnle os.spawnlp os.spawnv os.spawnve os.spawnvp | shell | notable | - | runs a program
sh.* plumbum.* fabric.* | shell | notable | - | runs a program
os.fork os.forkpty os.setsid | shell | notable | - | starts a process that may outlive the session
os.kill os.killpg | shell | notable | - | stops processes
os.setuid os.seteuid os.setgid os.chroot os.mount | shell | dangerous | - | changes whose rights it has
get_ipython().run_line_magic get_ipython().run_cell_magic get_ipython().magic
    | shell | ordinary | magic | runs a command of IPython
get_ipython().run_cell get_ipython().run_cell_async get_ipython().run_code get_ipython().ex get_ipython().ev
    get_ipython().run_line get_ipython().showsyntaxerror | dynamic | notable | cell | runs a text as a cell
get_ipython().set_next_input | dynamic | notable | - | writes a new cell into the notebook
get_ipython().safe_execfile get_ipython().safe_execfile_ipy get_ipython().safe_run_module
    | dynamic | notable | - | runs a file
get_ipython().events.register get_ipython().events.*
    | persistence | notable | - | has something run before or after each cell
get_ipython().input_transformers_cleanup.* get_ipython().input_transformers_post.*
    get_ipython().ast_transformers.* | persistence | dangerous | - | changes what is run in all cells
get_ipython().register_magic_function get_ipython().register_magics get_ipython().define_macro
    get_ipython().define_magic | persistence | notable | - | makes new commands of IPython
get_ipython().set_custom_exc get_ipython().set_hook
    | persistence | notable | - | changes how IPython answers
get_ipython().kernel.do_execute get_ipython().kernel.* | dynamic | notable | - | speaks to the kernel itself
requests.get requests.head requests.options requests.Session().get requests.Session().head httpx.get
    httpx.head httpx.Client().get httpx.AsyncClient().get | network | ordinary | address | fetches
requests.* httpx.* aiohttp.* urllib3.* pycurl.* grequests.* requests_html.* treq.*
    | network | notable | send | sends to
aiohttp.ClientSession().get requests.Session httpx.Client httpx.AsyncClient aiohttp.ClientSession
    requests.adapters.* requests.exceptions.* requests.utils.* requests.codes.* requests.auth.*
    urllib3.disable_warnings requests.packages.* aiohttp.ClientTimeout aiohttp.TCPConnector httpx.Timeout
    httpx.Limits urllib3.util.* | - | ordinary | - | -
requests.get() requests.post() requests.request() requests.put() requests.Session().get()
    requests.Session().post() httpx.get() httpx.post() aiohttp.ClientSession().get() urllib3.PoolManager
    | - | ordinary | - | -
urllib.request.urlopen urllib.request.Request urllib.request.urlretrieve urllib.request.URLopener
    urllib3.PoolManager().request wget.download gdown.download gdown.download_folder pooch.retrieve
    tensorflow.keras.utils.get_file keras.utils.get_file torch.hub.download_url_to_file
    torchvision.datasets.utils.download_url | network | ordinary | address | fetches
urllib.request.install_opener urllib.request.build_opener urllib.request.ProxyHandler
    | network | notable | - | changes how addresses are fetched
feedparser.parse newspaper.Article trafilatura.fetch_url bs4.urlopen
    | network | ordinary | address | fetches
http.client.* ftplib.* smtplib.* imaplib.* poplib.* telnetlib.* nntplib.* xmlrpc.client.* websocket.*
    websockets.* paramiko.* pysftp.* asyncssh.* zmq.Context scapy.* dns.* nmap.* stem.* socketio.*
    telegram.* telebot.* slack_sdk.* slack.* discord.* twilio.* sendgrid.* yagmail.* pika.* paho.* dropbox.*
    mega.* | network | notable | - | speaks to another machine with
http.client.HTTPException http.client.responses http.client.IncompleteRead | - | ordinary | - | -
smtplib.SMTP smtplib.SMTP_SSL ftplib.FTP ftplib.FTP_TLS imaplib.IMAP4_SSL http.client.HTTPSConnection
    http.client.HTTPConnection paramiko.SSHClient().connect telnetlib.Telnet websocket.create_connection
    websockets.connect | network | notable | send | speaks to
socket.socket socket.create_connection socket.socketpair socket.create_server
    | network | notable | - | opens a connection of its own
socket.socket().connect socket.socket().bind socket.socket().sendto | network | notable | send | connects to
socket.gethostname socket.error socket.timeout socket.setdefaulttimeout socket.getfqdn
    | - | ordinary | - | -
socket.gethostbyname socket.getaddrinfo | network | notable | send | looks up
asyncio.open_connection asyncio.start_server http.server.* socketserver.* aiohttp.web.* flask.Flask().run
    uvicorn.run bottle.run | network | notable | - | opens a connection or a server
pyngrok.* ngrok.* flask_ngrok.* localtunnel.* cloudflared.*
    | network | dangerous | - | opens a tunnel from the internet to here
boto3.* botocore.* s3fs.* gcsfs.* adlfs.* google.cloud.* azure.* oss2.* minio.*
    | network | ordinary | - | uses a service of a cloud
boto3.client().put_object boto3.client().upload_file boto3.client().upload_fileobj
    boto3.resource().Bucket().upload_file boto3.resource().Object().put boto3.s3.transfer.*
    | network | notable | - | sends a file to a cloud
boto3.Session().get_credentials boto3.session.Session().get_credentials botocore.session.*
    | credentials | dangerous | - | reads keys of a cloud
sqlalchemy.create_engine psycopg2.connect psycopg.connect pymysql.connect mysql.connector.connect
    pyodbc.connect cx_Oracle.connect oracledb.connect snowflake.connector.connect pymongo.MongoClient
    redis.Redis redis.StrictRedis elasticsearch.Elasticsearch clickhouse_connect.get_client
    trino.dbapi.connect pyhive.* neo4j.* | network | ordinary | database | connects to a database
datasets.load_dataset huggingface_hub.* kagglehub.* kaggle.* nltk.download spacy.cli.download
    sklearn.datasets.fetch_openml sklearn.datasets.fetch_california_housing
    sklearn.datasets.fetch_20newsgroups torchvision.datasets.* torchaudio.datasets.*
    tensorflow_datasets.load tensorflow_hub.load openml.* yfinance.* pandas_datareader.*
    seaborn.load_dataset vega_datasets.* gensim.downloader.load fredapi.* ucimlrepo.*
    | network | ordinary | - | fetches data or a model with
huggingface_hub.upload_file huggingface_hub.upload_folder huggingface_hub.HfApi().upload_file
    huggingface_hub.HfApi().upload_folder kaggle.api.dataset_create_version wandb.save wandb.Artifact
    wandb.log_artifact mlflow.log_artifact mlflow.log_artifacts neptune.* comet_ml.*
    | network | notable | - | sends files to a service
wandb.init wandb.log wandb.login mlflow.set_tracking_uri openai.* anthropic.* cohere.* replicate.*
    langchain_openai.* | network | ordinary | - | uses a service
selenium.* playwright.* pyppeteer.* mechanize.* | network | notable | - | steers a browser
torch.hub.load | dynamic | notable | - | runs code that it fetches
open codecs.open gzip.open bz2.open lzma.open h5py.File netCDF4.Dataset tables.open_file rasterio.open
    fitz.open wave.open tarfile.open zipfile.ZipFile fsspec.open tensorflow.io.gfile.GFile smart_open.open
    | files | ordinary | open | opens
os.open | files | ordinary | read | opens
tarfile.open().extractall zipfile.ZipFile().extractall shutil.unpack_archive
    | files | ordinary | - | unpacks an archive
pandas.read_csv pandas.read_excel pandas.read_json pandas.read_parquet pandas.read_table pandas.read_feather
    pandas.read_html pandas.read_xml pandas.read_sas pandas.read_stata pandas.read_spss pandas.read_fwf
    pandas.read_hdf pandas.read_orc polars.read_csv polars.scan_csv polars.read_parquet polars.scan_parquet
    polars.read_json geopandas.read_file dask.dataframe.read_csv dask.dataframe.read_parquet
    xarray.open_dataset xarray.open_zarr numpy.loadtxt numpy.genfromtxt numpy.fromfile numpy.memmap
    matplotlib.pyplot.imread matplotlib.image.imread cv2.imread cv2.VideoCapture PIL.Image.open
    skimage.io.imread imageio.imread librosa.load soundfile.read scipy.io.loadmat scipy.io.wavfile.read
    pyarrow.parquet.read_table pyarrow.csv.read_csv duckdb.read_csv sqlite3.connect duckdb.connect
    nibabel.load anndata.read_h5ad scanpy.read_h5ad json5.load | files | ordinary | read | reads
numpy.load | files | ordinary | read | reads
numpy.save numpy.savez numpy.savez_compressed numpy.savetxt matplotlib.pyplot.savefig cv2.imwrite
    imageio.imwrite scipy.io.savemat joblib.dump torch.save soundfile.write pyarrow.parquet.write_table
    os.mkdir os.makedirs os.mkfifo | files | ordinary | write | writes
pickle.dump json.dump yaml.dump csv.writer | - | ordinary | - | -
os.remove os.unlink os.rmdir os.removedirs os.truncate | files | notable | delete | deletes
shutil.rmtree | files | notable | delete | deletes the whole folder
send2trash.send2trash | files | notable | delete | deletes
shutil.copy shutil.copy2 shutil.copyfile shutil.copytree shutil.move os.rename os.renames os.replace
    shutil.make_archive os.link os.symlink | files | ordinary | move | copies or moves
os.chmod os.chown os.setxattr | files | notable | write | changes the rights of
os.walk os.listdir os.scandir glob.glob glob.iglob os.stat os.path.getsize | files | ordinary | read | lists
os.readlink | files | ordinary | read | follows
getpass.getpass | credentials | ordinary | - | asks for a password
keyring.* secretstorage.* browser_cookie3.* win32crypt.* browsercookie.* pycookiecheat.*
    | credentials | dangerous | - | reads stored passwords or cookies with
pwd.getpwall spwd.* grp.getgrall | credentials | notable | - | reads who has an account here
google.colab.userdata.get google.colab.auth.authenticate_user google.auth.default kaggle_secrets.*
    google.colab.drive.mount dotenv.load_dotenv dotenv.dotenv_values azure.identity.* streamlit.secrets.*
    | credentials | ordinary | - | uses credentials that are stored for it
os.putenv os.unsetenv | credentials | ordinary | setenv | sets
pynput.* keyboard.* pyxhook.* | credentials | dangerous | - | listens to the keyboard with
pyautogui.* PIL.ImageGrab.* mss.* pyscreenshot.* pyperclip.*
    | credentials | notable | - | takes pictures of the screen, or reads what was copied, with
exec eval execfile | dynamic | notable | code | runs a text as Python
compile | dynamic | notable | code | makes code of a text
timeit.timeit timeit.repeat timeit.Timer pdb.run pdb.runeval pdb.Pdb().run pdb.Pdb().runeval bdb.Bdb().run
    cProfile.run cProfile.runctx cProfile.Profile().run cProfile.Profile().runctx profile.run profile.runctx
    profile.Profile().run trace.Trace().run trace.Trace().runctx code.InteractiveInterpreter().runsource
    code.InteractiveInterpreter().runcode code.InteractiveConsole().runsource code.InteractiveConsole().push
    | dynamic | notable | texts | runs a text as Python
pandas.eval numexpr.evaluate numexpr.NumExpr sympy.sympify sympy.S sympy.parse_expr
    sympy.parsing.sympy_parser.parse_expr | dynamic | notable | expression | works out an expression
jinja2.Template jinja2.Environment().from_string jinja2.sandbox.Environment().from_string
    mako.template.Template tornado.template.Template flask.render_template_string
    | dynamic | notable | template | fills in a template
rpy2.robjects.r rpy2.robjects.r.eval rpy2.robjects.reval | dynamic | notable | r | runs a text as R
runpy.run_path runpy.run_module | dynamic | notable | - | runs a file or a module
importlib.util.spec_from_file_location importlib.machinery.SourceFileLoader imp.load_source
    | dynamic | notable | - | loads code from a file
types.FunctionType types.CodeType types.LambdaType code.InteractiveInterpreter code.InteractiveConsole
    code.interact
    | dynamic | dangerous | - | makes a function of raw code
marshal.loads marshal.load | dynamic | dangerous | marshal | loads raw code of Python
pickle.loads dill.loads cloudpickle.loads jsonpickle.decode _pickle.loads joblib.numpy_pickle.*
    | dynamic | notable | pickle | unpickles, which can run anything,
pickle.load dill.load cloudpickle.load joblib.load pandas.read_pickle torch.load shelve.open
    | dynamic | ordinary | unpickle | unpickles, which can run anything,
pickle.Unpickler dill.Unpickler | dynamic | notable | - | unpickles, which can run anything
yaml.load yaml.load_all yaml.unsafe_load yaml.full_load | dynamic | ordinary | yaml | reads YAML
sys.settrace sys.setprofile sys.addaudithook threading.settrace threading.setprofile
    | persistence | notable | - | watches all code that runs
sys.meta_path.* sys.path_hooks.* | persistence | dangerous | - | changes what an import gives
atexit.register | persistence | ordinary | - | has something run at the end
site.addsitedir crontab.* winreg.* _winreg.* schtasks.*
    | persistence | notable | - | arranges for something to be run later
ctypes.* cffi.* cppyy.* weave.* numpy.ctypeslib.* _ctypes.* tensorflow.load_op_library
    tensorflow.load_library torch.ops.load_library | native | notable | - | calls native code with
ctypes.c_int ctypes.c_char_p ctypes.sizeof ctypes.byref ctypes.Structure ctypes.POINTER ctypes.c_double
    ctypes.c_void_p ctypes.c_float ctypes.c_uint8 ctypes.c_size_t | - | ordinary | - | -
ctypes.memmove ctypes.memset ctypes.pythonapi.* ctypes.CFUNCTYPE ctypes.string_at
    | native | dangerous | - | reaches into memory with
mmap.mmap | native | notable | - | maps memory
torch.utils.cpp_extension.* distutils.ccompiler.* setuptools.Extension Cython.* pyximport.*
    | native | notable | - | builds native code with
pip.main pip._internal.main pip._internal.cli.main.main conda.cli.* ensurepip.bootstrap micropip.install
    piplite.install | install | notable | package | installs
install.packages setuptools.setup distutils.core.setup | install | notable | - | installs a package
IPython.display.HTML IPython.display.display_html ipywidgets.HTML IPython.display.Markdown
    | active | ordinary | markup | shows
IPython.display.Javascript IPython.display.display_javascript google.colab.output.eval_js
    | active | notable | script | runs script in the browser
display IPython.display.display IPython.display.update_display IPython.display.publish_display_data
    get_ipython().display_pub.publish | active | ordinary | bundle | shows
IPython.display.IFrame | active | ordinary | address | shows a page of
IPython.display.Image IPython.display.SVG IPython.display.Video IPython.display.Audio | - | ordinary | - | -
webbrowser.* | active | notable | - | opens a page in a browser
"""
# Methods by name alone, of whatever object: kind, weight, way, words.
_METHODS = """
to_csv to_parquet to_excel to_json to_pickle to_feather to_hdf to_html to_markdown to_stata to_orc to_file
    to_netcdf to_zarr to_latex savefig write_csv write_parquet write_html write_image write_json
    save_pretrained save_weights save_model write_h5ad write_text write_bytes
    | files | ordinary | write | writes
to_sql to_gbq | network | ordinary | - | writes to a database
read_text read_bytes | files | ordinary | - | reads a file
unlink rmdir | files | notable | - | deletes a file
rmtree | files | notable | - | deletes a folder
push_to_hub upload_file upload_fileobj upload_from_filename upload_from_string upload_blob storbinary
    sendmail send_message sendall sendto send_file | network | notable | - | sends something away:
extractall | files | ordinary | - | unpacks an archive
from_pretrained | network | ordinary | - | fetches a model:
run_line_magic run_cell_magic | shell | ordinary | magic | runs a command of IPython
run_cell | dynamic | notable | cell | runs a text as a cell
get_credentials get_frozen_credentials | credentials | notable | - | reads keys of a cloud
eval query | dynamic | notable | expression | works out an expression
from_string | dynamic | notable | template | fills in a template
__subclasses__ | dynamic | notable | - | looks through all classes of Python
exec_command invoke_shell | shell | notable | shell | runs on another machine
"""
# Names that need not be called to be told of: what hands them on has them called by something else.
HANDED_ON = frozenset({
    "os.system", "os.popen", "exec", "eval", "execfile", "subprocess.run", "subprocess.call",
    "subprocess.Popen", "subprocess.check_output", "subprocess.getoutput", "subprocess.check_call",
    "marshal.loads", "get_ipython().system", "get_ipython().getoutput", "os.execv", "os.execvp",
    "pty.spawn", "types.FunctionType", "get_ipython().run_cell", "get_ipython().ex",
})  # fmt: skip
SHOWN_BY = {
    "_repr_html_": "text/html", "_repr_svg_": "image/svg+xml", "_repr_markdown_": "text/markdown",
    "_repr_latex_": "text/latex", "_repr_javascript_": "application/javascript", "_repr_mimebundle_": "",
    "_ipython_display_": "",
}  # fmt: skip
"""Methods whose results IPython shows, as what; "" for tables that say so themselves."""
INNER_WAYS = {
    "__globals__": "notable", "f_globals": "dangerous", "f_builtins": "dangerous",
    "gi_frame": "dangerous", "cr_frame": "dangerous", "tb_frame": "notable", "__builtins__": "notable",
    "co_code": "dangerous", "__code__": "notable", "__subclasses__": "notable", "__loader__": "notable",
    "__reduce_ex__": "notable",
}  # fmt: skip
"""Attributes by which one gets from anything to everything, with their weight."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a call does: `kind` of values.KINDS or "-", its weight, what its first argument is, words."""

    kind: str
    weight: str
    way: str
    words: str
    name: str = ""


def meaning(name: str) -> Meaning | None:
    """Return what a function does by its full name, or None.

    >>> meaning("requests.Session().post").words, meaning("df.to_csv"), meaning("requests.compat.quote").way
    ('sends to', None, 'send')
    """
    exact, wide = _functions()
    found = exact.get(name)
    if found is None:
        part = name
        while found is None and (part := part.rpartition(".")[0]):
            found = wide.get(part)
            # What a function returned is its own thing; what a class makes does what its module does.
            if (
                found is None
                and part.endswith("()")
                and not part.removesuffix("()").rpartition(".")[2][:1].isupper()
            ):
                break
    return None if found is None or found.kind == "-" else found


def method_meaning(name: str) -> Meaning | None:
    """Return what a method of an unknown object does by its name alone, or None."""
    return _methods().get(name)


@cache
def _functions() -> tuple[dict[str, Meaning], dict[str, Meaning]]:
    exact: dict[str, Meaning] = {}
    wide: dict[str, Meaning] = {}
    for name, one in _read(_TABLE):
        if name.endswith(".*"):
            wide[name.removesuffix(".*")] = one
            exact.setdefault(name.removesuffix(".*"), one)
        else:
            exact[name] = one
    return exact, wide


@cache
def _methods() -> dict[str, Meaning]:
    return dict(_read(_METHODS))


def _read(table: str) -> list[tuple[str, Meaning]]:
    made: list[tuple[str, Meaning]] = []
    for line in re.sub(r"\n +", " ", table).strip().splitlines():
        names, kind, weight, way, words = (part.strip() for part in line.split("|"))
        made += [(name, Meaning(kind, weight, way, words, name)) for name in names.split()]
    return made
