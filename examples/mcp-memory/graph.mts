/**
 * The knowledge graph of the memory server, in the file format of the public reference server
 * (modelcontextprotocol/servers, src/memory): a JSON object on each line, an entity or a relation.
 *
 * Each client of such a server starts a process of its own, and all of them share the file. The reference reads it,
 * changes it and writes it back without a lock, so that the later of two clients takes back what the earlier one wrote.
 * Here a change holds a lock from the reading to the writing, and the file is replaced as a whole: readers take no lock,
 * and see the graph before a change or after it.
 */
import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { withLock, writeFileAtomic } from 'holdfast';

export interface Entity {
  readonly name: string;
  readonly entityType: string;
  readonly observations: readonly string[];
}

export interface Relation {
  readonly from: string;
  readonly to: string;
  readonly relationType: string;
}

export interface Graph {
  readonly entities: readonly Entity[];
  readonly relations: readonly Relation[];
}

export interface Observations {
  readonly entityName: string;
  readonly contents: readonly string[];
}

type Line = ({ readonly type: 'entity' } & Entity) | ({ readonly type: 'relation' } & Relation);

export class Memory {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async read(): Promise<Graph> {
    let text = '';
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    const entities: Entity[] = [];
    const relations: Relation[] = [];
    for (const { type, ...item } of lines.map((line) => JSON.parse(line) as Line)) {
      if (type === 'entity') entities.push(item as Entity);
      else relations.push(item as Relation);
    }
    return { entities, relations };
  }

  /** Resolves to the entities that were not there. */
  createEntities(created: readonly Entity[]): Promise<Entity[]> {
    return this.#change(({ entities, relations }) => {
      const added = created.filter(({ name }) => !entities.some((entity) => entity.name === name));
      return [{ entities: [...entities, ...added], relations }, added];
    });
  }

  createRelations(created: readonly Relation[]): Promise<Relation[]> {
    return this.#change(({ entities, relations }) => {
      const added = created.filter(
        (relation) => !relations.some((other) => isDeepStrictEqual(other, relation)),
      );
      return [{ entities, relations: [...relations, ...added] }, added];
    });
  }

  addObservations(
    given: readonly Observations[],
  ): Promise<{ entityName: string; addedObservations: string[] }[]> {
    return this.#change(({ entities, relations }) => {
      const byName = new Map(entities.map((entity) => [entity.name, entity]));
      const results = given.map(({ entityName, contents }) => {
        const entity = byName.get(entityName);
        if (!entity) throw new Error(`Entity with name ${entityName} not found`);
        const addedObservations = contents.filter((content) => !entity.observations.includes(content));
        byName.set(entityName, { ...entity, observations: [...entity.observations, ...addedObservations] });
        return { entityName, addedObservations };
      });
      return [{ entities: [...byName.values()], relations }, results];
    });
  }

  /** And the relations from and to them. */
  deleteEntities(names: readonly string[]): Promise<void> {
    return this.#change(({ entities, relations }) => [
      {
        entities: entities.filter(({ name }) => !names.includes(name)),
        relations: relations.filter(({ from, to }) => !names.includes(from) && !names.includes(to)),
      },
      undefined,
    ]);
  }

  deleteObservations(
    deletions: readonly { readonly entityName: string; readonly observations: readonly string[] }[],
  ): Promise<void> {
    return this.#change(({ entities, relations }) => {
      const kept = (entity: Entity) => {
        const gone = deletions.filter(({ entityName }) => entityName === entity.name);
        return entity.observations.filter(
          (text) => !gone.some(({ observations }) => observations.includes(text)),
        );
      };
      return [
        { entities: entities.map((entity) => ({ ...entity, observations: kept(entity) })), relations },
        undefined,
      ];
    });
  }

  deleteRelations(deleted: readonly Relation[]): Promise<void> {
    return this.#change(({ entities, relations }) => [
      {
        entities,
        relations: relations.filter((one) => !deleted.some((other) => isDeepStrictEqual(other, one))),
      },
      undefined,
    ]);
  }

  search(query: string): Promise<Graph> {
    const wanted = query.toLowerCase();
    return this.#part(({ name, entityType, observations }) =>
      [name, entityType, ...observations].some((text) => text.toLowerCase().includes(wanted)),
    );
  }

  open(names: readonly string[]): Promise<Graph> {
    return this.#part(({ name }) => names.includes(name));
  }

  /** Some entities, and the relations from or to them. */
  async #part(isWanted: (entity: Entity) => boolean): Promise<Graph> {
    const { entities, relations } = await this.read();
    const wanted = entities.filter(isWanted);
    const names = new Set(wanted.map(({ name }) => name));
    return {
      entities: wanted,
      relations: relations.filter(({ from, to }) => names.has(from) || names.has(to)),
    };
  }

  #change<Result>(change: (graph: Graph) => [Graph, Result]): Promise<Result> {
    return withLock(`${this.#path}.lock`, async () => {
      const [{ entities, relations }, result] = change(await this.read());
      const lines: Line[] = [
        ...entities.map((entity) => ({ type: 'entity' as const, ...entity })),
        ...relations.map((relation) => ({ type: 'relation' as const, ...relation })),
      ];
      await writeFileAtomic(this.#path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      return result;
    });
  }
}
