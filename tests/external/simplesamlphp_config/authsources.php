<?php

$people = json_decode(file_get_contents(__DIR__ . '/people.json'), true);

$config = ['admin' => ['core:AdminPassword'], 'people' => ['exampleauth:UserPass'] + $people];
