-- The hash of a rule version, with its texts, and of the version before: written where it is born.
-- domain/auditing/frozen_rules.py recomputes it.

CREATE FUNCTION frozen_rules_chain(v rule_versions, former bytea) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(coalesce(former, CAST('' AS bytea)) || convert_to(concat_ws('|', v.merchant_id, v.id,
        v.campaign_id, v.number, extract(epoch FROM v.published_at), v.published_by, v.terms, v.text_zh,
        v.text_en, v.acknowledged), 'UTF8'))
$$;
CREATE FUNCTION chain_rule_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.chain := frozen_rules_chain(NEW, (
        SELECT f.chain FROM rule_versions f
        WHERE f.merchant_id = NEW.merchant_id AND f.campaign_id = NEW.campaign_id
            AND f.number = NEW.number - 1));
    RETURN NEW;
END $$;
CREATE TRIGGER chain_rule_version BEFORE INSERT ON rule_versions
FOR EACH ROW EXECUTE FUNCTION chain_rule_version();
