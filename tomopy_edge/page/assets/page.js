'use strict';
(() => {
  const slices = [...document.querySelectorAll('.slice')];
  const links = [...document.querySelectorAll('.choice a')];

  // Without this class all slices are shown, one below the other, and pictures side by side.
  document.documentElement.classList.add('js');

  function choose(slice) {
    for (const one of slices) one.classList.toggle('chosen', one === slice);
    for (const link of links) {
      if (link.getAttribute('href') === '#' + slice.id) link.setAttribute('aria-current', 'true');
      else link.removeAttribute('aria-current');
    }
  }

  function follow() {
    const target = document.getElementById(location.hash.slice(1));
    if (!target) return;
    if (slices.includes(target)) choose(target);
    for (let one = target; one; one = one.parentElement) if (one.tagName === 'DETAILS') one.open = true;
    // The choice stays in sight above the slice.
    const place = slices.includes(target) ? document.querySelector('.choice') : target;
    place.scrollIntoView();
  }

  // Arrows go from one slice to the next while the choice has the focus.
  document.querySelector('.choice')?.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const next = links[links.indexOf(document.activeElement) + step];
    if (!next) return;
    event.preventDefault();
    choose(document.getElementById(next.getAttribute('href').slice(1)));
    next.focus();
  });

  for (const compare of document.querySelectorAll('.compare')) {
    const input = compare.parentElement.querySelector('input');
    const show = () => {
      compare.style.setProperty('--at', input.value + '%');
      input.setAttribute('aria-valuetext', input.value + ' % raw');
    };
    const pull = (event) => {
      const box = compare.getBoundingClientRect();
      input.value = Math.round((100 * (event.clientX - box.left)) / box.width);
      show();
    };
    input.addEventListener('input', show);
    compare.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      compare.setPointerCapture(event.pointerId);
      pull(event);
    });
    compare.addEventListener('pointermove', (event) => {
      if (compare.hasPointerCapture(event.pointerId)) pull(event);
    });
    show();
  }

  addEventListener('hashchange', follow);
  // A link to the slice that the address names already changes no address.
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a');
    if (link && link.getAttribute('href') === location.hash) follow();
  });
  if (slices.length) choose(slices[0]);
  follow();
})();
