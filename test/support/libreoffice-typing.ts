import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { run } from './libreoffice.ts';

/** By the cell, `A2`, what is typed into it on the first sheet. */
export type Typed = Readonly<Record<string, string>>;

/** As a person does it who opens a workbook, types into cells of its first sheet, and saves it as what it was. */
export async function typedInto(program: string, workbook: Buffer, typed: Typed): Promise<Buffer> {
  const directory = await mkdtemp(join(tmpdir(), 'sheaf-libreoffice-'));
  try {
    const [profile, source, saved] = ['profile', 'document.xlsx', 'saved.xlsx'].map((name) =>
      join(directory, name),
    ) as [string, string, string];
    await writeFile(source, workbook);
    const own = [`-env:UserInstallation=${pathToFileURL(profile).href}`, '--headless', '--norestore'];
    // A profile is filled with what is there from the start before anything of ours can be put into it.
    await run(program, [...own, '--terminate_after_init']);
    await addMacro(profile, macroThatTypes(source, saved, typed));
    const said = await run(program, [...own, 'macro:///Standard.Typing.Main']);
    return await readFile(saved).catch(async (cause: unknown) => {
      const problem = await readFile(`${saved}.problem`, 'utf8').catch(() => said);
      throw new Error(`LibreOffice saved nothing: ${problem}`, { cause });
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The commands that the keyboard gives: what is typed is read as the format of its cell says. */
function macroThatTypes(source: string, saved: string, typed: Typed): string {
  const cells = Object.entries(typed).map(([cell, text]) => `Enter ${quoted(cell)}, ${quoted(text)}`);
  return `Dim Frame As Object
Dim Dispatcher As Object

Sub Main
  On Error Goto Failed
  Dim Hidden(0) As New com.sun.star.beans.PropertyValue
  Hidden(0).Name = "Hidden"
  Hidden(0).Value = True
  Document = StarDesktop.loadComponentFromURL(${quoted(pathToFileURL(source).href)}, "_blank", 0, Hidden())
  Frame = Document.CurrentController.Frame
  Dispatcher = createUnoService("com.sun.star.frame.DispatchHelper")
  Document.CurrentController.setActiveSheet(Document.Sheets.getByIndex(0))
  ${cells.join('\n  ')}
  Dim Workbook(0) As New com.sun.star.beans.PropertyValue
  Workbook(0).Name = "FilterName"
  Workbook(0).Value = "Calc MS Excel 2007 XML"
  Document.storeToURL(${quoted(pathToFileURL(saved).href)}, Workbook())
  Document.close(True)
  StarDesktop.terminate()
  Exit Sub
Failed:
  Problem = Error$ & " in line " & Erl
  Open ${quoted(`${saved}.problem`)} For Output As #1
  Print #1, Problem
  Close #1
  StarDesktop.terminate()
End Sub

Sub Enter(Cell, Text)
  Dim Place(0) As New com.sun.star.beans.PropertyValue
  Place(0).Name = "ToPoint"
  Place(0).Value = Cell
  Dispatcher.executeDispatch(Frame, ".uno:GoToCell", "", 0, Place())
  Dim Content(0) As New com.sun.star.beans.PropertyValue
  Content(0).Name = "StringName"
  Content(0).Value = Text
  Dispatcher.executeDispatch(Frame, ".uno:EnterString", "", 0, Content())
End Sub
`;
}

const HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** Puts a macro into a profile, as LibreOffice keeps those of its user. */
async function addMacro(profile: string, source: string): Promise<void> {
  const library = join(profile, 'user', 'basic', 'Standard');
  await writeFile(
    join(library, 'script.xlb'),
    `${HEAD}<library:library xmlns:library="http://openoffice.org/2000/library" library:name="Standard" library:readonly="false" library:passwordprotected="false"><library:element library:name="Typing"/></library:library>`,
  );
  const text = source.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
  await writeFile(
    join(library, 'Typing.xba'),
    `${HEAD}<script:module xmlns:script="http://openoffice.org/2000/script" script:name="Typing" script:language="StarBasic">${text}</script:module>`,
  );
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
