import type { YAMLError } from 'yaml';

/** What each error of the parser means to the person who wrote the file. Our own words: the parser's may quote the text. */
export const YAML_MISTAKES: Readonly<Record<YAMLError['code'], string>> = {
  ALIAS_PROPS: 'an alias (*name) takes no anchor and no tag',
  BAD_ALIAS:
    'this alias (*name) is malformed, or its anchor (&name) does not stand before it; text that begins with * needs quotes',
  BAD_COLLECTION_TYPE: 'the tag does not fit what follows it',
  BAD_DIRECTIVE: 'this line begins with %, which YAML keeps for directives; put the text in quotes',
  BAD_DQ_ESCAPE: 'unknown escape in double quotes; single quotes take backslashes as they are',
  BAD_INDENT: 'the indentation does not fit the lines above, or a bracket is not closed',
  BAD_PROP_ORDER: 'an anchor or a tag stands in the wrong place',
  BAD_SCALAR_START: 'text that begins with this character needs quotes',
  BLOCK_AS_IMPLICIT_KEY: 'two keys on one line; text that holds ": " needs quotes',
  BLOCK_IN_FLOW: 'a list or mapping in brackets cannot hold lines with "- " or "key:" of the indented kind',
  DUPLICATE_KEY: 'this key is written twice',
  IMPOSSIBLE: 'this is not valid YAML',
  KEY_OVER_1024_CHARS: 'a key is longer than 1024 characters',
  MISSING_CHAR: 'a closing quote, a bracket, a comma, a colon or a space is missing',
  MULTILINE_IMPLICIT_KEY: 'a key goes over more than one line; is a colon missing?',
  MULTIPLE_ANCHORS: 'a value takes one anchor only',
  MULTIPLE_DOCS: 'a second document begins here; the file holds one',
  MULTIPLE_TAGS: 'a value takes one tag only',
  NON_STRING_KEY: 'expected plain text as the key',
  RESOURCE_EXHAUSTION: 'this is nested too deeply',
  TAB_AS_INDENT: 'a tab is used to indent; YAML takes spaces only',
  TAG_RESOLVE_FAILED: 'tags (!name) are not taken; text that begins with ! needs quotes',
  UNEXPECTED_TOKEN: 'this does not belong here; text with special characters needs quotes',
};
