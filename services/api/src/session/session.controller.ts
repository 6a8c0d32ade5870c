import { Body, Controller, Delete, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import { logIn, logOut } from '@plumbline/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { callerOf } from '../access/callers.ts';
import { parse } from '../applications/requests.ts';
import { DOOR } from '../door.ts';
import type { Door } from '../door.ts';

const credentials = z.object({ username: z.string().min(1).max(256), password: z.string().min(1).max(1024) });

@Controller('api/v1/session')
export class SessionController {
  readonly #door: Door;

  constructor(@Inject(DOOR) door: unknown) {
    this.#door = door as Door;
  }

  @Post()
  @HttpCode(200)
  async logIn(@Body() body: unknown, @Req() request: unknown, @Res({ passthrough: true }) reply: unknown): Promise<{ token: string }> {
    const { username, password } = parse(credentials, body, 'log-in');
    const { ip, protocol } = request as FastifyRequest;
    const { token } = await this.#door.bus.call(logIn, { username, password, from: ip });
    setCookie(reply, `argocd.token=${token}`, protocol);
    return { token };
  }

  @Delete()
  async logOut(@Req() request: unknown, @Res({ passthrough: true }) reply: unknown): Promise<Record<string, never>> {
    const { token } = callerOf(request as FastifyRequest);
    await this.#door.bus.call(logOut, { token });
    await this.#door.awaitHead();
    setCookie(reply, 'argocd.token=; Max-Age=0', (request as FastifyRequest).protocol);
    return {};
  }

  @Get('userinfo')
  userInfo(@Req() request: unknown): { loggedIn: boolean; username: string; iss: string; groups: readonly string[] } {
    const { subject, groups } = callerOf(request as FastifyRequest);
    return { loggedIn: true, username: subject, iss: 'argocd', groups };
  }
}

/** Scripts never see it, other sites never send it; over plain HTTP (loopback) a Secure cookie would not come back. */
function setCookie(reply: unknown, cookie: string, protocol: string): void {
  const secure = protocol === 'https' ? '; Secure' : '';
  (reply as FastifyReply).header('set-cookie', `${cookie}; Path=/; HttpOnly; SameSite=Strict${secure}`);
}
