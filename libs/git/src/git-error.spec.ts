import { expect, it } from 'vitest';
import { remoteError } from './git-error.ts';

const url = 'https://ada:secret@git.example.org/app';

it.each([
  [
    "fatal: unable to access 'https://ada:secret@git.example.org/app/': Could not resolve host: git.example.org\n",
    'repository-unreachable',
    "https://git.example.org/app can't be read: unable to access 'https://git.example.org/app/': Could not resolve host: git.example.org",
  ],
  [
    'git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\n',
    'repository-unreachable',
    "https://git.example.org/app can't be read: git@h: Permission denied (publickey).; check the credentials in the Secret labelled argocd.argoproj.io/secret-type=repository",
  ],
  [
    "fatal: couldn't find remote ref refs/heads/x\n",
    'revision-not-found',
    "https://git.example.org/app has no such revision: couldn't find remote ref refs/heads/x",
  ],
  [
    'fatal: remote error: upload-pack: not our ref 0123\n',
    'revision-not-found',
    'https://git.example.org/app has no such revision: remote error: upload-pack: not our ref 0123',
  ],
  [
    "fatal: Unable to create '/m/shallow.lock': File exists.\n",
    'internal',
    "the mirror of https://git.example.org/app can't be written: Unable to create '/m/shallow.lock': File exists.",
  ],
  ['', 'repository-unreachable', "https://git.example.org/app can't be read: git gave no reason"],
])('%j', (stderr, code, message) => {
  expect(remoteError(url, stderr)).toMatchObject({ code, message });
});
