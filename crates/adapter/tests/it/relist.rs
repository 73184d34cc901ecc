//! Series discovery: when selectors are asked, and what a failure leaves.

use std::sync::Arc;
use std::time::Duration;

use plimsoll_adapter::backend::BackendError;
use tokio::time::Instant;

use crate::world::{World, cluster, resource, rules};

const TWO_RULES: &str = r#"
rules:
- {seriesQuery: 'good', resources: {template: "<<.Resource>>"}, metricsQuery: 'good'}
- {seriesQuery: 'bad', resources: {template: "<<.Resource>>"}, metricsQuery: 'bad'}
"#;

fn served(world: &World) -> usize {
    world.adapter.state().catalogue.custom_list().len()
}

#[tokio::test(start_paused = true)]
async fn a_selector_that_fails_harms_no_other() {
    let world = World::start_unlisted(TWO_RULES, &[("good", &["good{pod,namespace}"])]);
    let refused = BackendError::Rejected { kind: "bad_data".to_owned(), message: "parse error".to_owned() };
    world.prometheus.series.lock().unwrap().insert("bad".to_owned(), Err(refused.clone()));
    world.wait("both selectors have been asked", |world| world.adapter.state().discovered()).await;
    assert_eq!(served(&world), 2);
    assert_eq!(world.adapter.state().listings.get("bad").unwrap().error, Some(refused));
}

#[tokio::test(start_paused = true)]
async fn a_selector_that_hangs_is_given_up_and_holds_no_other_back() {
    let config = TWO_RULES.replace("'bad'", "'hang'");
    let world = World::start_unlisted(&config, &[("good", &["good{pod,namespace}"])]);
    let started = Instant::now();
    world.wait("the good rule is served", |world| served(world) == 2).await;
    assert!(started.elapsed() < Duration::from_secs(1), "without waiting for the other");
    world
        .wait("the hanging selector has failed", |world| {
            world.adapter.state().listings.get("hang").is_some_and(|listing| listing.error.is_some())
        })
        .await;
    assert_eq!(started.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn others_are_asked_in_their_turn_while_a_selector_hangs() {
    let config = TWO_RULES.replace("'bad'", "'hang'");
    let world = World::start_unlisted(&config, &[]);
    let started = Instant::now();
    world
        .wait("the empty selector has been asked three times", |world| {
            world.adapter.state().listings.get("good").is_some_and(|listing| listing.attempts == 3)
        })
        .await;
    assert_eq!(started.elapsed().as_secs(), 6, "after two seconds and four more");
    assert_eq!(world.adapter.state().listings.get("hang").unwrap().attempts, 0);
}

#[tokio::test(start_paused = true)]
async fn a_metric_that_appears_soon_after_the_start_does_not_wait_for_the_interval() {
    let world = World::start(TWO_RULES, &[]).await;
    assert_eq!(served(&world), 0);
    let started = Instant::now();
    world.prometheus.set_series("good", &["good{pod,namespace}"]);
    world.wait("the metric is served", |world| served(world) == 2).await;
    assert!(started.elapsed() <= Duration::from_secs(3), "retried after {:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_last_good_list_survives_a_failure_and_an_empty_answer_ends_it() {
    let world =
        World::start(TWO_RULES, &[("good", &["good{pod,namespace}"]), ("bad", &["bad{pod,namespace}"])])
            .await;
    assert_eq!(served(&world), 4);
    let broken = BackendError::Unreachable {
        server: "http://prometheus.test".to_owned(),
        reason: "refused".to_owned(),
    };
    world.prometheus.series.lock().unwrap().insert("good".to_owned(), Err(broken));
    world
        .wait("the failure is noticed", |world| {
            world.adapter.state().listings.get("good").is_some_and(|listing| listing.error.is_some())
        })
        .await;
    assert_eq!(served(&world), 4);
    world.prometheus.set_series("good", &[]);
    world.wait("the metrics are gone", |world| served(world) == 2).await;
}

#[tokio::test(start_paused = true)]
async fn new_rules_take_over_at_once_and_keep_what_is_known_of_their_selectors() {
    let world =
        World::start(TWO_RULES, &[("good", &["good{pod,namespace}"]), ("new", &["new{pod,namespace}"])])
            .await;
    let asked = *world.prometheus.listed.borrow();
    let started = Instant::now();
    world.rules.send_replace(rules(&TWO_RULES.replace("'bad'", "'new'")));
    world.wait("the new rule is served", |world| served(world) == 4).await;
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(*world.prometheus.listed.borrow(), asked + 1, "only the new selector is asked");
    assert!(world.adapter.state().listings.get("bad").is_none());
}

#[tokio::test(start_paused = true)]
async fn new_resource_types_take_over_while_a_listing_goes_on() {
    let config = TWO_RULES.replace("'bad'", "'hang'");
    let world = World::start_unlisted(&config, &[("good", &["good{pod,namespace,widget}"])]);
    world.wait("the good rule is served", |world| served(world) == 2).await;
    let asked = *world.prometheus.listed.borrow();
    let mut types = cluster();
    types.push(resource("example.com", "widgets", "Widget", true));
    world.resources.send_replace(Arc::new(types));
    world.wait("the new type is served", |world| served(world) == 3).await;
    world
        .wait("the hanging selector has failed", |world| {
            world.adapter.state().listings.get("hang").is_some_and(|listing| listing.error.is_some())
        })
        .await;
    assert_eq!(*world.prometheus.listed.borrow(), asked, "nothing is asked again");
    assert_eq!(served(&world), 3);
}

#[tokio::test(start_paused = true)]
async fn rules_that_share_a_selector_share_its_listing() {
    let config = r#"
rules:
- {seriesQuery: 'm', resources: {template: "<<.Resource>>"}, metricsQuery: 'm'}
- {seriesQuery: 'm', resources: {template: "<<.Resource>>"}, name: {as: "again"}, metricsQuery: 'm'}
externalRules:
- {seriesQuery: 'm', resources: {namespaced: false}, metricsQuery: 'm'}
"#;
    let world = World::start(config, &[("m", &["m{pod,namespace}"])]).await;
    assert_eq!(*world.prometheus.listed.borrow(), 1);
    assert_eq!((served(&world), world.adapter.state().catalogue.external_list()), (4, vec!["m"]));
}
