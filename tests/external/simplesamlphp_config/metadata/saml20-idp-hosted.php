<?php

$emailAddress = 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress';
$persistent = 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent';
$transient = 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient';

$metadata['__DYNAMIC:1__'] = [
    'host' => '__DEFAULT__',
    'auth' => 'people',
    'privatekey' => 'idp.key',
    'certificate' => 'idp.crt',
    'NameIDFormat' => [$emailAddress, $persistent, $transient],
    'SingleSignOnServiceBinding' => [
        'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect',
        'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST',
    ],
    'SingleLogoutServiceBinding' => [
        'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect',
        'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST',
    ],
    'sign.logout' => true,
    'validate.logout' => true,
    'attributes.NameFormat' => 'urn:oasis:names:tc:SAML:2.0:attrname-format:basic',
    'authproc' => [
        1 => ['class' => 'saml:TransientNameID'],
        2 => ['class' => 'saml:AttributeNameID', 'attribute' => 'uid', 'Format' => $persistent],
        3 => ['class' => 'saml:AttributeNameID', 'attribute' => 'email', 'Format' => $emailAddress],
    ],
];
