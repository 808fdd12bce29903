// SPDX-License-Identifier: GPL-2.0

//! The contract of the type1 stand-in.

use iommu_type1_stub::{
    Access,
    Counts,
    Error,
    Fault,
    Operation,
    Page,
    Type1,
    PIN_MAX, //
};

fn type1(pages: usize) -> Type1<Vec<Page>> {
    Type1::new(vec![Page::default(); pages])
}

#[test]
fn memory_can_be_read_where_it_is_mapped_and_nowhere_else() {
    let mut iommu = type1(3);
    iommu.map(0x1000, 0x1000, Access::Read).unwrap();
    iommu.map(0x2000, 0x1000, Access::Write).unwrap();
    iommu.store(0x1ffe, b"over").unwrap();
    let mut bytes = [0; 4];
    iommu.read(0x1ffe, &mut bytes).unwrap();
    assert_eq!(&bytes, b"over", "a read goes over neighbouring mappings");
    assert_eq!(iommu.read(0x2ffe, &mut bytes), Err(Error::Unmapped));
    assert_eq!(iommu.read(0, &mut bytes), Err(Error::Unmapped));
    assert_eq!(iommu.counts().reads, 3);
}

#[test]
fn mapping_takes_whole_free_pages_as_long_as_there_is_memory() {
    let mut iommu = type1(2);
    assert_eq!(iommu.map(0x1800, 0x1000, Access::Read), Err(Error::Invalid));
    assert_eq!(iommu.map(0x1000, 0x800, Access::Read), Err(Error::Invalid));
    assert_eq!(iommu.map(0x1000, 0, Access::Read), Err(Error::Invalid));
    assert_eq!(
        iommu.map(u64::MAX - 0xfff, 0x1000, Access::Read),
        Err(Error::Invalid)
    );
    iommu.map(0x1000, 0x1000, Access::Read).unwrap();
    assert_eq!(iommu.map(0, 0x2000, Access::Read), Err(Error::Exists));
    assert_eq!(
        iommu.map(0x2000, 0x2000, Access::Read),
        Err(Error::NoMemory)
    );
}

#[test]
fn a_pin_needs_the_right_and_an_error_leaves_none() {
    let mut iommu = type1(4);
    iommu.map(0x1000, 0x2000, Access::Write).unwrap();
    iommu.map(0x3000, 0x1000, Access::Read).unwrap();
    let mut frames = [0; 3];
    assert_eq!(
        iommu.pin(1, Access::Write, &mut frames),
        Err(Error::Permission)
    );
    assert_eq!(iommu.pins(), 0);
    assert_eq!(
        iommu.pin(2, Access::Read, &mut frames),
        Err(Error::Unmapped)
    );
    assert_eq!(iommu.pins(), 0);
    iommu.pin(1, Access::Read, &mut frames).unwrap();
    assert_eq!(iommu.pins(), 3);
    iommu.unpin(1, 3);
    assert_eq!(
        iommu.counts(),
        Counts {
            reads: 0,
            pin_calls: 3,
            pinned: 7,
            unpinned: 7,
        }
    );
    let mut many = vec![0; PIN_MAX + 1];
    assert_eq!(iommu.pin(1, Access::Read, &mut many), Err(Error::TooMany));
    assert_eq!(iommu.pin(1, Access::Read, &mut []), Err(Error::Invalid));
}

#[test]
fn pages_are_scattered_in_the_host() {
    let mut iommu = type1(2);
    iommu.map(0x1000, 0x2000, Access::Write).unwrap();
    let mut frames = [0; 2];
    iommu.pin(1, Access::Write, &mut frames).unwrap();
    let [one, two] = frames;
    assert!(one.abs_diff(two) > 0x1000);
    assert_eq!(iommu.iova(two + 5), Some(0x2005));
    assert_eq!(iommu.iova(two + 0x1000), None);
    iommu.host_page(two).unwrap()[5] = 7;
    let mut byte = [0];
    iommu.read(0x2005, &mut byte).unwrap();
    assert_eq!(byte, [7]);
    assert_eq!(iommu.pinned_for(one), Some(Access::Write));
    iommu.unpin(1, 2);
    assert_eq!(iommu.iova(two + 5), None);
}

#[test]
fn pins_are_counted_page_by_page_and_limited() {
    let mut iommu = type1(2);
    iommu.map(0x1000, 0x2000, Access::Write).unwrap();
    iommu.set_limit(2);
    iommu.pin(1, Access::Read, &mut [0]).unwrap();
    iommu.pin(1, Access::Write, &mut [0]).unwrap();
    assert_eq!(iommu.pin(2, Access::Read, &mut [0]), Err(Error::NoMemory));
    iommu.unpin(1, 1);
    assert_eq!(iommu.pins(), 1);
}

#[test]
#[should_panic(expected = "unpin of 1 pages from 0x1")]
fn unpinning_what_is_not_pinned_is_a_bug_of_the_driver() {
    let mut iommu = type1(1);
    iommu.map(0x1000, 0x1000, Access::Write).unwrap();
    iommu.unpin(1, 1);
}

#[test]
#[should_panic(expected = "unpin of 1 pages from 0x1")]
fn unpinning_a_part_of_what_a_call_has_pinned_is_a_bug_of_the_driver() {
    let mut iommu = type1(2);
    iommu.map(0x1000, 0x2000, Access::Write).unwrap();
    iommu.pin(1, Access::Write, &mut [0; 2]).unwrap();
    iommu.unpin(1, 1);
}

#[test]
fn an_unmap_tells_the_holder_of_pins() {
    let mut iommu = type1(4);
    iommu.map(0x1000, 0x2000, Access::Write).unwrap();
    assert_eq!(
        iommu.unmap(0x1000, 0x1000, |_, _, _| ()),
        Err(Error::Invalid),
        "a mapping is not cut"
    );
    iommu.pin(2, Access::Read, &mut [0]).unwrap();
    assert_eq!(
        iommu.unmap(0x1000, 0x2000, |_, _, _| ()),
        Err(Error::Pinned)
    );
    let mut told = None;
    iommu
        .unmap(0, 0x4000, |iommu, iova, len| {
            told = Some((iova, len));
            iommu.unpin(2, 1);
        })
        .unwrap();
    assert_eq!(told, Some((0, 0x4000)));
    assert_eq!(iommu.read(0x1000, &mut [0]), Err(Error::Unmapped));
    iommu
        .unmap(0x1000, 0x1000, |_, _, _| panic!("nothing is pinned"))
        .unwrap();
}

#[test]
fn a_fault_comes_once_when_its_time_has_come() {
    let mut iommu = type1(1);
    iommu.map(0x1000, 0x1000, Access::Write).unwrap();
    iommu.set_fault(Some(Fault {
        operation: Operation::Pin,
        after: 1,
        error: Error::NoMemory,
    }));
    iommu.read(0x1000, &mut [0]).unwrap();
    iommu.pin(1, Access::Read, &mut [0]).unwrap();
    assert_eq!(iommu.pin(1, Access::Read, &mut [0]), Err(Error::NoMemory));
    iommu.pin(1, Access::Read, &mut [0]).unwrap();
    assert_eq!(iommu.pins(), 2);
}
