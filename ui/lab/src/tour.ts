/** The guided tour: five steps over the real page, with driver.js for the spotlight and the keyboard. */
import { driver, type DriveStep } from 'driver.js';

import type { ISession, ITour } from './tokens';
import { duration, sizeOf } from './words';

/** A step points at an element that is on screen; where it is not (a folded side bar), at nothing. */
function visible(selector: string): string | undefined {
  const element = document.querySelector<HTMLElement>(selector);
  return element && element.getClientRects().length > 0 ? selector : undefined;
}

/** The steps, in words of this very session. */
export function tourSteps(session: ISession): DriveStep[] {
  const status = session.status;
  const profile = status?.profile;
  const idle = status && status.idle_stop_s > 0 ? `after ${duration(status.idle_stop_s * 1000)} without work` : '';
  const memory = status?.memory ? ` (now ${sizeOf(status.memory.used_bytes, status.memory.limit_bytes)})` : '';
  const steps: DriveStep[] = [
    {
      popover: {
        title: 'Welcome to your workspace',
        description:
          'This is a JupyterLab of your own. A minute shows you what is where. Use the arrow keys or the buttons; Escape leaves.'
      }
    },
    {
      element: visible('#filebrowser') ?? visible('[data-id="filebrowser"]'),
      popover: {
        title: 'Your files',
        description:
          'Everything here is in your home directory. It stays when the session stops, whichever profile you start next.',
        side: 'right'
      }
    },
    {
      element: visible('#jp-main-dock-panel'),
      popover: {
        title: 'Notebooks and terminals',
        description: `Start them from the launcher. They run in a closed sandbox of your own. ${sentence(profile?.network_words)}`,
        side: 'left'
      }
    },
    {
      element: visible('.nbkeep-Item'),
      popover: {
        title: 'Time and memory',
        description: [
          `The profile, the memory in use${memory} and the time that is left. Click it for everything in words.`,
          idle && `An idle session is stopped ${idle}; running code is never idle, and you are warned before.`
        ]
          .filter(Boolean)
          .join(' '),
        side: 'top'
      }
    },
    {
      element: visible('#jp-menu-panel') ?? visible('#jp-top-panel'),
      popover: {
        title: 'The portal, and this tour again',
        description:
          'File › nbkeep Portal leads to your sessions and the other profiles. Help › Guided Tour of nbkeep shows this again.',
        side: 'bottom',
        align: 'start'
      }
    }
  ];
  for (const { popover } of steps) {
    if (popover?.description) {
      popover.description = escaped(popover.description);
    }
  }
  return steps;
}

/** driver.js takes HTML; words that an admin wrote must stay words. */
function escaped(words: string): string {
  return words.replace(/&/g, '&amp;').replace(/</g, '&lt;');
}

function sentence(words: string | undefined): string {
  return words ? `${words.charAt(0).toUpperCase()}${words.slice(1)}${/[.!?]$/.test(words) ? '' : '.'}` : '';
}

export class Tour implements ITour {
  constructor(private readonly session: ISession) {}

  start(): void {
    if (this._running) {
      return;
    }
    this._running = true;
    const before = document.activeElement;
    const steps = tourSteps(this.session);
    let next: HTMLElement | null = null;
    // A page that is still opening its tabs takes the focus away: the keyboard belongs to the tour.
    const keep = (event: FocusEvent): void => {
      if (!(event.target instanceof Element && event.target.closest('.nbkeep-Tour'))) {
        next?.focus();
      }
    };
    document.addEventListener('focusin', keep);
    const guide = driver({
      steps,
      animate: !window.matchMedia('(prefers-reduced-motion: reduce)').matches,
      allowClose: true,
      overlayClickBehavior: () => undefined,
      overlayOpacity: 0.55,
      stagePadding: 4,
      stageRadius: 4,
      disableActiveInteraction: true,
      popoverClass: 'nbkeep-Tour',
      showProgress: true,
      progressText: '{{current}} of {{total}}',
      nextBtnText: 'Next',
      prevBtnText: 'Back',
      doneBtnText: 'Done',
      onPopoverRender: popover => {
        popover.closeButton.textContent = 'Skip';
        popover.closeButton.setAttribute('aria-label', 'Skip the tour');
        // driver.js focuses the first button, Skip, once this returns.
        next = popover.nextButton;
        queueMicrotask(() => next?.focus());
      },
      // Not onDestroyed: driver.js leaves it out for who skips while the first step still fades in.
      onDestroyStarted: () => {
        guide.destroy();
        this._running = false;
        document.removeEventListener('focusin', keep);
        // Skipped counts as seen: nobody is asked twice, and the Help menu has it.
        this.session.finishTour().catch(error => console.warn('The tour is not marked as seen:', error));
        if (before instanceof HTMLElement) {
          before.focus();
        }
      }
    });
    guide.drive();
  }

  private _running = false;
}
