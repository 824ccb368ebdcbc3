<?php

// Service providers come as their own metadata; SimpleSAMLphp's reader of it is part of what is tested.
foreach (json_decode(file_get_contents(__DIR__ . '/../service-providers.json'), true) as $provider) {
    $entity = SimpleSAML\Metadata\SAMLParser::parseString($provider['metadata']);
    $metadata[$entity->getEntityId()] = array_merge($entity->getMetadata20SP(), $provider['options']);
}
