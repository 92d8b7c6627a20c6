#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tally-sim as its user has it: figures, pages, replays, shrinking, a run in a terminal.

  command.py TALLY_SIM STORIES
"""
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import termios
import time
import xml.etree.ElementTree

SIM, STORIES = sys.argv[1:3]
NODE_BYTES_MAX = 42000  # Of 1,000 in many_take_the_memory_that_is_told, which took 37,700.
BROKEN = '''nodes 5
seed 3
link delay 20..60 loss 1
at 2 append all 10
at 10 partition 1 1 2 2 2
at 15 crash n5
at 20 append n1 20
at 22 restart n5
at 30 append n3 5
expect diverged
'''


def run(*words, status=0, **more):
    done = subprocess.run([SIM, *words], capture_output=True, text=True, timeout=120, **more)
    assert done.returncode == status, f'{words}: exit {done.returncode}\n{done.stderr[-2000:]}'
    return done.stdout, done.stderr


def story(name):
    return os.path.join(STORIES, name + '.scn')


def figures_do_not_change_the_run(folder):
    page = os.path.join(folder, 'page.html')
    out, said = run('run', story('partition'), '--json', '-', '--html', page)
    figures = json.loads(out)
    assert sum(figures['excused'].values()) == 0, figures['excused']
    with open(story('partition').replace('.scn', '.golden'), encoding='utf-8') as file:
        golden = file.read()
    assert f'id {figures["id"]}' in golden, 'whoever looks on changes the run'
    assert figures['good'] and figures['complete'] and figures['fault'] == 'none'
    held = figures['coverage']['held']
    assert held['count'] > 0 and held['p50_ms'] <= held['p99_ms'] <= held['last_ms']
    assert figures['heals'][0]['at'] == 60 and 0 < figures['heals'][0]['after'] < 30
    assert 'healed        at 60.0 s: all had all after' in said
    samples = figures['series']
    assert samples[-1]['held'] == [100] * 6 and min(samples[len(samples) // 2]['held']) < 100
    out, again = run('run', story('fork'), '--json', '-')
    fork = json.loads(out)['forks'][0]
    assert fork['liar'] == 'n6' and fork['nodes'] == 5 and fork['first_after'] <= fork['last_after']


def the_page_stands_alone(folder):
    page = os.path.join(folder, 'page.html')
    run('run', story('fork'), '--html', page)
    with open(page, encoding='utf-8') as file:
        text = file.read()
    assert '<script' not in text and 'http' not in text and 'url(' not in text
    assert 'prefers-color-scheme:dark' in text and 'expect fork n6 within 120' in text
    plots = re.findall(r'<svg.*?</svg>', text, re.S)
    assert len(plots) == 5
    for plot in plots:
        xml.etree.ElementTree.fromstring(plot)
        assert 'nan' not in plot and 'inf' not in plot


def a_story_that_fails_is_made_smaller(folder):
    path, least = os.path.join(folder, 'broken.scn'), os.path.join(folder, 'least.scn')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(BROKEN.replace('expect diverged', 'at 31 heal\nexpect not converged within 60'))
    _, said = run('shrink', path, '--into', least)
    with open(least, encoding='utf-8') as file:
        text = file.read()
    assert '# Breaks expect not converged' in text and 'crash' not in text, text
    assert float(re.search(r'([0-9.]+) % smaller', said).group(1)) >= 90, said
    first, said = run('replay', least, status=1)
    assert 'the same run, byte for byte' in said and first == run('replay', least, status=1)[0]
    changed = re.sub(r'# id [0-9a-f]{8}', '# id 00000000', text)
    with open(least, 'w', encoding='utf-8') as file:
        file.write(changed)
    assert 'not the one in the story' in run('replay', least, status=1)[1]
    assert 'nothing to shrink: all is well' in run('shrink', story('loss'), status=1)[1]


def replay_goes_as_far_as_it_is_told(_folder):
    out, said = run('replay', story('partition'), '--until', '12.5')
    times = [float(line.split()[0]) for line in out.splitlines()[:-1]]
    assert max(times) <= 12.5 and max(times) > 10
    whole, _ = run('replay', story('partition'))
    assert whole.startswith(out.rsplit('id ', 1)[0])
    assert 'as far as that' in said


def what_is_wrong_is_said(folder):
    path = os.path.join(folder, 'wrong.scn')
    with open(path, 'w', encoding='utf-8') as file:
        file.write('nodes 2\nat 1 dance\n')
    for verb in 'run', 'replay', 'watch', 'shrink':
        assert 'wrong.scn:2: unknown word "dance"' in run(verb, path, status=2)[1]
        assert 'cannot open' in run(verb, path + '.not', status=2)[1]
        assert 'which story?' in run(verb, status=2)[1]
    assert 'how many, or how long?' in run('swarm', status=2)[1]
    wrong = run('replay', path, '--until', 'x', status=2)[1]
    assert 'not understood: --until x' in wrong and wrong.count('\n') == 1, wrong
    for sizes in '9..8', '2..8', '8..33', '8..', '8..9x':
        said = run('swarm', '--seeds', '1', '--nodes', sizes, status=2)[1]
        assert 'not understood: --nodes' in said
    assert 'from how many to how many?' in run('swarm', '--seeds', '1', '--nodes', '8', status=2)[1]


def a_swarm_uses_all_cores_and_the_same_seeds(folder):
    alone, _ = run('swarm', '--seeds', '6', '--from', '40', '--jobs', '1', '--into', folder)
    both, _ = run('swarm', '--seeds', '6', '--from', '40', '--jobs', '3', '--into', folder)
    events = [re.search(r'6 stories from seed 40, 0 broken.* (\d+) events', text).group(1)
              for text in (alone, both)]
    assert events[0] == events[1], 'the same stories are the same runs, wherever they run'
    assert re.search(r', \d+\.\d+ a second of a core, ', alone)


def a_soak_says_how_far_it_is_and_where_it_goes_on(folder):
    told, _ = run('swarm', '--seeds', '6', '--hours-virtual', '1', '--from', '40', '--into', folder)
    assert re.search(r'the network was divided in \d\.\d h of it, all clean', told), told
    assert 'to go on: --from 46' in told
    assert re.search(r'^\d held without any excuse', told, re.M)


def a_swarm_has_as_many_nodes_as_asked(folder):
    told, _ = run('swarm', '--seeds', '40', '--nodes', '8..9', '--print')
    assert set(re.findall(r'^nodes (\d+)$', told, re.M)) == {'8', '9'}


def watched(words, act, environment):
    """Runs it in a terminal of 80x24; act(send, wait) uses it. What it wrote, how the terminal was
    before and is after, and its status."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    before = termios.tcgetattr(slave)
    child = subprocess.Popen([SIM, *words], stdin=slave, stdout=slave, stderr=slave,
                             env={**os.environ, 'TERM': 'xterm', **environment})
    text = b''

    def wait(mark):
        nonlocal text
        until = time.monotonic() + 60
        while mark not in text:
            assert time.monotonic() < until, f'{mark} did not come: {text[-500:]}'
            if select.select([master], [], [], 0.2)[0]:
                text += os.read(master, 65536)

    act(lambda keys: os.write(master, keys), wait, child)
    while child.poll() is None:
        if select.select([master], [], [], 0.2)[0]:
            text += os.read(master, 65536)
    after = termios.tcgetattr(slave)
    while select.select([master], [], [], 0.2)[0]:
        text += os.read(master, 65536)
    os.close(master)
    os.close(slave)
    return text, before == after, child.returncode


def a_run_is_watched(_folder):
    if not hasattr(termios, 'tcsetwinsize'):
        return

    def leave(send, wait, _child):
        wait(b'q leave')
        send(b' ')
        wait(b'held')
        send(b' +')
        wait(b'100 x')
        send(b'q')

    text, restored, status = watched(['watch', story('partition'), '--speed', '50'], leave, {})
    assert restored and status == 0
    assert text.count(b'\033[?1049h') == text.count(b'\033[?1049l') == 1
    assert b'\033[34m' in text or b'\033[32m' in text

    def interrupt(_send, wait, child):
        wait(b'q leave')
        child.send_signal(signal.SIGTERM)

    text, restored, status = watched(['watch', story('partition')], interrupt, {'NO_COLOR': '1'})
    assert restored and status == -signal.SIGTERM and b'\033[?1049l' in text
    assert not re.search(rb'\033\[[1-9]\d*m', text), 'colours, though NO_COLOR is set'

    def read_to_the_end(send, wait, _child):
        wait(b'all is well')
        send(b'q')

    text, restored, status = watched(['watch', story('loss'), '--speed', '5000'],
                                     read_to_the_end, {})
    assert restored and status == 0
    out, _ = run('watch', story('loss'))
    assert '\033' not in out and 'sealed size' in out


def many_take_the_memory_that_is_told(folder):
    """At its end too: tables that nobody wrote to must not become real when they are given back.
    And little: who gives a node a table that all write to, or sets one to anything but zero, sees
    it here. Of 8,000 nodes each takes 6 kB less, for all have the same few chunks."""
    words = ['scale', '--nodes', '1000', '--bootstraps', '4', '--profile', 'auto', '--birth', '4',
             '--settle', '4', '--seconds', '2']
    with subprocess.Popen([SIM, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True) as child:
        said = child.stdout.read()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = status
    told = float(re.search(r'memory +([0-9.]+) kB a node', said)[1]) * 1000 * 1000
    assert status == 0 and used.ru_maxrss * 1024 < 2 * told + 100e6, f'{used.ru_maxrss} kB: {said}'
    with open(SIM, 'rb') as program:
        sanitized = b'__sanitizer' in program.read()
    assert sanitized or told < NODE_BYTES_MAX * 1000, f'more than {NODE_BYTES_MAX} a node: {said}'


for number, test in enumerate([figures_do_not_change_the_run, the_page_stands_alone,
                               a_story_that_fails_is_made_smaller, replay_goes_as_far_as_it_is_told,
                               what_is_wrong_is_said, a_swarm_uses_all_cores_and_the_same_seeds,
                               a_soak_says_how_far_it_is_and_where_it_goes_on,
                               a_swarm_has_as_many_nodes_as_asked,
                               a_run_is_watched, many_take_the_memory_that_is_told], 1):
    with tempfile.TemporaryDirectory() as directory:
        test(directory)
    print(f'ok {number} - {test.__name__}', flush=True)
print(f'1..{number}')
